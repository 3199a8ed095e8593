// Sheets: a link with data-sheet leads to a page of its own; with JavaScript its .consequence opens in a dialog instead.
// Typed confirmations: the button waits until the word stands there. The server checks both again.

const sheet = document.getElementById("sheet");

async function openSheet(link) {
  const reply = await fetch(link.href, { headers: { Accept: "text/html" } });
  const text = (await reply.text()).replace(/<style[^]*?<\/style>/g, "");  // their nonce is not this page's
  const page = new DOMParser().parseFromString(text, "text/html");
  const content = page.querySelector(".consequence");
  if (!reply.ok || !content) {
    location.assign(link.href);
    return;
  }
  content.classList.remove("alone");
  const form = content.matches("form") ? content : content.querySelector("form");
  if (form && !form.getAttribute("action")) form.action = link.href;
  const title = content.querySelector("h1, h2");
  if (title) title.id = "sheet-title";
  sheet.replaceChildren(content);
  watch(sheet);
  sheet.showModal();
}

function watch(within) {
  for (const input of within.querySelectorAll("[data-confirm]")) {
    const button = input.form?.querySelector("[data-waits]");
    if (!button) continue;
    const check = () => button.setAttribute("aria-disabled", String(input.value.trim() !== input.dataset.confirm));
    input.addEventListener("input", check);
    check();
  }
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button?.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    event.target.querySelector("[data-confirm]")?.focus();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open)?.showModal();
  const link = event.target.closest("a[data-sheet]");
  if (link && sheet && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openSheet(link);
  }
  const closer = event.target.closest("dialog [data-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
});

watch(document);
