// <section id="health" data-refresh="15"> asks for its page again each 15 seconds and takes the new section of that id.
// It rests while the tab is hidden, a dialog is open or the reader is inside it, and never asks twice at a time.

const underWay = new Set();

function rests(part) {
  return document.hidden || document.querySelector("dialog[open]") || part.contains(document.activeElement);
}

async function refresh(id) {
  const part = document.getElementById(id);
  if (!part || underWay.has(id) || rests(part)) return;
  underWay.add(id);
  try {
    const reply = await fetch(location.href, { headers: { Accept: "text/html", "Stateward-Part": id } });
    if (!reply.ok || reply.redirected) throw new Error(`answered ${reply.status}`);
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const now = page.getElementById(id);
    if (now && !rests(part)) {
      part.replaceWith(now);
      document.dispatchEvent(new CustomEvent("htmx:afterSettle", { detail: { part: now } }));
    }
    part.classList.remove("stale");
  } catch {
    part.classList.add("stale");
  } finally {
    underWay.delete(id);
  }
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(refresh, Number(part.dataset.refresh) * 1000, part.id);
}
