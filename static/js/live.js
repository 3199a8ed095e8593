// Parts with data-refresh="30" and an id: the page is asked for again each 30 seconds, once for all of them, and each is
// exchanged for what it is now. It rests while the tab is hidden or a dialog is open; a part rests while the reader is in it.

const parts = () => [...document.querySelectorAll("[data-refresh][id]")];
let isAsking = false;

async function refresh() {
  if (isAsking || document.hidden || document.querySelector("dialog[open], details[data-closes][open]")) return;
  isAsking = true;
  try {
    const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!reply.ok || reply.redirected) throw new Error(`answered ${reply.status}`);
    // Styles carry the answer's own nonce, which is not this page's: even parsing them would break the policy.
    const text = (await reply.text()).replace(/<style[^]*?<\/style>/g, "");
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const part of parts()) exchange(part, page.getElementById(part.id));
  } catch {
    for (const part of parts()) part.classList.add("stale");
  } finally {
    isAsking = false;
  }
}

function exchange(part, now) {
  if (!now || part.contains(document.activeElement)) return;
  part.replaceWith(now);
  document.dispatchEvent(new CustomEvent("htmx:afterSettle", { detail: { part: now } }));
}

const seconds = Math.min(...parts().map((part) => Number(part.dataset.refresh)));
if (Number.isFinite(seconds)) setInterval(refresh, seconds * 1000);

// What hears of a change sooner says so.
document.addEventListener("stateward:refresh", refresh);
