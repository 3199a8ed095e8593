// Small behaviours of the frame: theme, menus, copying, dismissing.

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // kept for this page only
  }
}

function setTheme(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  keep("stateward.theme", theme === "system" ? null : theme);
  showTheme();
  document.dispatchEvent(new CustomEvent("stateward:theme"));
}

function showTheme() {
  const chosen = root.dataset.theme ?? "system";
  for (const input of document.querySelectorAll("[data-theme-choice] input")) input.checked = input.value === chosen;
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, 1500);
}

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  if (at("[data-theme-switch]")) {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    setTheme(isDark ? "light" : "dark");
  }
  const copying = at("[data-copy]");
  if (copying) copy(copying);
  at("[data-dismiss]")?.closest(".toast")?.remove();
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-theme-choice]")) setTheme(event.target.value);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

dark.addEventListener("change", () => document.dispatchEvent(new CustomEvent("stateward:theme")));
showTheme();

// What scrolls sideways must be reachable by keyboard; what does not, must not stop the Tab key.
function letScroll(box) {
  const scrolls = box.scrollWidth > box.clientWidth;
  box.toggleAttribute("tabindex", scrolls);
  if (!scrolls) return;
  box.tabIndex = 0;
  box.role = "group";
  const heading = box.closest("section, main")?.querySelector("h1, h2");
  box.setAttribute("aria-label", `${heading?.textContent.trim() ?? "Table"}, scrolls sideways`);
}

const watched = new ResizeObserver((entries) => entries.forEach(({ target }) => letScroll(target)));
function watchScrolling() {
  for (const box of document.querySelectorAll(".scroll, pre.code")) watched.observe(box);
}
document.addEventListener("htmx:afterSettle", watchScrolling);
watchScrolling();
