// Single-letter shortcuts. They rest while somebody types, and can be switched off (WCAG 2.1.4).

const KEPT = "stateward.single-keys";
const box = document.querySelector("[data-single-keys]");
let waitsForPlace = false;

function allowed() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

if (box) {
  box.checked = allowed();
  box.addEventListener("change", () => localStorage.setItem(KEPT, box.checked ? "on" : "off"));
}

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], .cm-editor");
}

function moveRow(step) {
  const links = [...document.querySelectorAll("main tbody tr, main [data-rows] > li")]
    .map((row) => row.querySelector("a[href]"))
    .filter(Boolean);
  if (!links.length) return;
  const row = document.activeElement?.closest("tr, li");
  const now = links.findIndex((link) => row?.contains(link));
  links[Math.min(Math.max(now + step, 0), links.length - 1)].focus();
}

const ACTS = {
  "/": () => (document.querySelector("main [data-filter]") ?? document.querySelector("[data-palette]"))?.focus(),
  "?": () => document.getElementById("keys-help")?.showModal(),
  t: () => document.querySelector("[data-zone]")?.click(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  g: () => {
    waitsForPlace = true;
    setTimeout(() => (waitsForPlace = false), 1200);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !allowed()) return;
  if (document.querySelector("dialog[open]")) return;
  if (waitsForPlace) {
    waitsForPlace = false;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key.toLowerCase())}"]`);
    if (link) {
      event.preventDefault();
      link.click();
      return;
    }
  }
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
