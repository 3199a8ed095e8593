// Dragging over the histogram asks for that stretch of time. The fields "From, to" do the same by keyboard.

const chart = document.querySelector("[data-brush]");

function stretch(event) {
  const box = chart.getBoundingClientRect();
  return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
}

function moment(share) {
  const since = Number(chart.dataset.since);
  const until = Number(chart.dataset.until);
  return new Date((since + (until - since) * share) * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

function draw(brush, from, to) {
  const width = chart.viewBox.baseVal.width;
  brush.setAttribute("x", Math.min(from, to) * width);
  brush.setAttribute("width", Math.abs(to - from) * width);
}

function begin(event) {
  if (event.button !== 0) return;
  const from = stretch(event);
  const brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  brush.setAttribute("class", "brush");
  brush.setAttribute("y", 0);
  brush.setAttribute("height", chart.viewBox.baseVal.height);
  chart.append(brush);
  chart.setPointerCapture(event.pointerId);
  const move = (moved) => draw(brush, from, stretch(moved));
  const end = (ended) => {
    chart.removeEventListener("pointermove", move);
    const to = stretch(ended);
    if (Math.abs(to - from) < 0.004) brush.remove();
    else narrow(Math.min(from, to), Math.max(from, to));
  };
  chart.addEventListener("pointermove", move);
  chart.addEventListener("pointerup", end, { once: true });
}

function narrow(from, to) {
  const url = new URL(location.href);
  for (const name of ["range", "cursor", "record"]) url.searchParams.delete(name);
  url.searchParams.set("from", moment(from));
  url.searchParams.set("until", moment(to));
  location.assign(url);
}

chart?.addEventListener("pointerdown", begin);
