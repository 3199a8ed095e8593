// A form with data-preview="address": what it would do is asked for while it is filled in, half a second after the last touch,
// and the answer takes the place of the element of the same id. A later touch drops what an earlier one asked for.

const form = document.querySelector("form[data-preview]");
let asking = new AbortController();
let waiting = 0;

async function ask() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  document.getElementById("preview")?.classList.add("asking");
  try {
    const reply = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), signal });
    if (!reply.ok || reply.redirected) throw new Error(`answered ${reply.status}`);
    const answer = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("preview");
    if (signal.aborted || !answer) return;
    document.getElementById("preview").replaceWith(answer);
    document.dispatchEvent(new CustomEvent("htmx:afterSettle", { detail: { part: answer } }));
  } catch {
    if (!signal.aborted) document.getElementById("preview")?.classList.add("stale");
  }
}

function soon(delay) {
  clearTimeout(waiting);
  waiting = setTimeout(ask, delay);
}

form?.addEventListener("input", () => soon(500));
form?.addEventListener("change", () => soon(100));
form?.addEventListener("submit", () => { clearTimeout(waiting); asking.abort(); });
addEventListener("pagehide", () => asking.abort());
if (form?.hasAttribute("data-preview-at-once")) soon(0);
