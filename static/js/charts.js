// Draws the figures that the server describes. Colours come in the light theme's values; in the dark one they are exchanged.

const fetched = document.querySelector("script[data-plotly]");
const plots = () => [...document.querySelectorAll("[data-figure]")];
let plotly = null;

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function exchange(value, colours) {
  if (typeof value === "string") return colours[value] ?? value;
  if (Array.isArray(value)) return value.length && typeof value[0] === "number" ? value : value.map((one) => exchange(one, colours));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, exchange(one, colours)]));
  }
  return value;
}

function described(plot) {
  const { figure, dark } = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  return isDark() ? exchange(figure, dark) : figure;
}

// The server's times are UTC. On a date axis Plotly shows what it is given, so local time means other times.
function isLocal() {
  try {
    return localStorage.getItem("stateward.zone") === "local";
  } catch {
    return false;
  }
}

function shown(text) {
  if (!isLocal()) return text;
  const at = new Date(`${text}Z`);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function load() {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = fetched.dataset.plotly;
    script.nonce = fetched.nonce;
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error("the chart library did not arrive"));
    document.head.append(script);
  });
}

async function draw() {
  if (!plots().length) return;
  plotly ??= await load();
  for (const plot of plots()) {
    if (!plot.offsetParent) continue;
    const { data, layout } = described(plot);
    for (const trace of data) trace.x0 = shown(trace.x0);
    layout.xaxis.range = layout.xaxis.range.map(shown);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    layout.transition = { duration: calm ? 0 : 120 };
    await plotly.react(plot, data, layout, { displayModeBar: false, responsive: true, staticPlot: false, doubleClick: false });
    if (!plot.dataset.listens) listen(plot);
  }
}

function listen(plot) {
  plot.dataset.listens = "";
  plot.on("plotly_relayout", (change) => {
    const from = change["xaxis.range[0]"];
    const until = change["xaxis.range[1]"];
    if (!from || !until) return;
    const url = new URL(location.href);
    url.searchParams.set("from", asUtc(from));
    url.searchParams.set("until", asUtc(until));
    url.searchParams.delete("range");
    location.assign(url);
  });
}

function asUtc(text) {
  const plain = text.slice(0, 19).replace(" ", "T");
  return isLocal() ? `${new Date(plain).toISOString().slice(0, 19)}Z` : `${plain}Z`;
}

document.addEventListener("stateward:theme", draw);
document.addEventListener("stateward:zone", draw);
document.addEventListener("htmx:afterSettle", draw);
document.addEventListener("change", (event) => event.target.closest(".figure .seg") && draw());
draw();
