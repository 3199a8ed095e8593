// Runs followed live: one stream a tab. A message moves the bar and adds to the log; when a run begins or ends, the page's own
// parts are asked for again. Where the stream breaks, the browser comes again by itself and goes on after the last line.

const place = document.querySelector("[data-stream]");
let known = null;

const again = () => document.dispatchEvent(new CustomEvent("stateward:refresh"));
const stateOf = (run) => run.state + (run.is_being_cancelled ? "-stopping" : "");

function show(run) {
  const part = document.querySelector(`[data-run="${run.id}"]`);
  if (!part) return false;
  const percent = run.share === null ? null : Math.floor(run.share * 100);
  part.querySelector("[data-share]").textContent = percent === null ? "" : `${percent} %`;
  part.querySelector("[data-says]").textContent = run.says;
  const bar = part.querySelector("progress");
  if (bar && percent !== null) bar.value = percent;
  return part.dataset.state === stateOf(run);
}

function append(lines) {
  const log = document.querySelector("[data-log]");
  if (!log || !lines.length) return;
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  for (const line of lines) {
    const row = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = line.at;
    time.textContent = line.at.slice(11, 23);
    const text = document.createElement("span");
    text.textContent = line.text;
    row.append(time, text);
    log.append(row);
  }
  document.querySelector("[data-log-empty]").hidden = true;
  if (isAtEnd) log.scrollTop = log.scrollHeight;
  document.dispatchEvent(new CustomEvent("htmx:afterSettle", { detail: { part: log } }));
}

function follow() {
  const stream = new EventSource(place.dataset.stream);
  stream.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.runs) {
      const fits = message.runs.map(show).every(Boolean);
      const ids = message.runs.map((run) => run.id).sort().join();
      if (!fits || (known !== null && known !== ids)) again();
      known = ids;
      return;
    }
    append(message.lines);
    if (message.is_over) stream.close();
    if (!show(message) || message.is_over) again();
  };
  addEventListener("pagehide", () => stream.close(), { once: true });
}

if (place) follow();
addEventListener("pageshow", (event) => { if (event.persisted && place) follow(); });
