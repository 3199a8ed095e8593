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

// Several parts may change at once, and each says so: they are drawn once, one drawing after the other.
let isWanted = false;
let last = Promise.resolve();

function redraw() {
  if (isWanted) return;
  isWanted = true;
  queueMicrotask(() => {
    isWanted = false;
    last = last.then(draw);
  });
}

async function draw() {
  if (!plots().length) return;
  plotly ??= await load();
  for (const plot of plots()) {
    if (!plot.offsetParent) continue;
    const { data, layout } = described(plot);
    for (const trace of data) {
      if (trace.x) trace.x = trace.x.map(shown);
      else trace.x0 = shown(trace.x0);
    }
    if (layout.shapes) for (const shape of layout.shapes) [shape.x0, shape.x1] = [shown(shape.x0), shown(shape.x1)];
    layout.xaxis.range = layout.xaxis.range.map(shown);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    layout.transition = { duration: calm ? 0 : 120 };
    await plotly.react(plot, data, layout, { displayModeBar: false, responsive: true, staticPlot: false, doubleClick: false });
    if (!("listens" in plot.dataset)) listen(plot);
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
    for (const name of ["range", "when"]) url.searchParams.delete(name);
    location.assign(url);
  });
  plot.on("plotly_click", (event) => event.points?.length && openTip(plot, event));
}

// A point that counts audit records leads to them: names and counts, and a link for each. The table has the same links.
function openTip(plot, { points, event }) {
  const { drill } = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  if (!drill) return;
  closeTips();
  const step = points[0].customdata;
  const count = (trace) => trace.y[trace.customdata.indexOf(step)] ?? 0;
  const traces = plot.data.map((trace, number) => ({ name: trace.name, count: count(trace), query: drill.queries[number] }));
  const total = traces.reduce((sum, trace) => sum + trace.count, 0);
  const since = Date.parse(drill.first) + step * drill.step * 1000;
  const until = since + drill.step * 1000;
  const address = (query) => `${drill.url}?from=${moment(since)}&until=${moment(until)}${query ? `&${query}` : ""}`;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "dialog");
  tip.setAttribute("aria-label", "Records of this point");
  const [begin, end] = [clock(since), clock(until)];
  const isOneDay = begin.split(",")[0] === end.split(",")[0];
  tip.append(text("b", `${begin} to ${isOneDay ? end.split(", ")[1] : end}`));
  const list = document.createElement("ul");
  for (const trace of traces.filter((one) => one.count)) {
    const item = document.createElement("li");
    const leads = traces.length > 1 && trace.query !== null;
    item.append(leads ? link(address(trace.query), trace.name) : text("span", trace.name), text("b", trace.count.toLocaleString("en")));
    list.append(item);
  }
  tip.append(list);
  if (drill.all !== null) tip.append(link(address(drill.all), `Open ${total.toLocaleString("en")} record${total === 1 ? "" : "s"}`, "all"));
  const figure = plot.closest(".figure");
  figure.append(tip);
  const box = figure.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.max(8, Math.min(event.clientY - box.top - 12, box.height - tip.offsetHeight - 8))}px`;
  tip.querySelector(".all, a")?.focus();
}

function closeTips() {
  for (const tip of document.querySelectorAll(".figure > .tip")) tip.remove();
}

function text(name, content) {
  const element = document.createElement(name);
  element.textContent = content;
  return element;
}

function link(url, content, name = "") {
  const anchor = text("a", content);
  anchor.href = url;
  anchor.className = name;
  return anchor;
}

function moment(milliseconds) {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}

function clock(milliseconds) {
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat("en-GB", isLocal() ? options : { ...options, timeZone: "UTC" }).format(milliseconds);
}

function asUtc(text) {
  const plain = text.slice(0, 19).replace(" ", "T");
  return isLocal() ? `${new Date(plain).toISOString().slice(0, 19)}Z` : `${plain}Z`;
}

document.addEventListener("click", (event) => event.target.closest(".tip, .plot") || closeTips());
document.addEventListener("keydown", (event) => event.key === "Escape" && closeTips());
document.addEventListener("stateward:theme", redraw);
document.addEventListener("stateward:zone", redraw);
document.addEventListener("htmx:afterSettle", redraw);
document.addEventListener("change", (event) => event.target.closest(".figure .seg") && redraw());
redraw();
