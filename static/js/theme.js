// Runs before the first paint, so that nothing flashes: the kept theme, and that there is JavaScript.
(() => {
  const root = document.documentElement;
  root.classList.remove("no-js");
  try {
    const kept = localStorage.getItem("stateward.theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
    const density = localStorage.getItem("stateward.density");
    if (density) root.dataset.density = density;
  } catch {
    // storage is refused: the system's theme serves
  }
})();
