// Times come in UTC. Here they turn local where asked for, and "3 min ago" grows older.

const BUTTON = document.querySelector("[data-zone]");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const GAP = "\u00a0";
let local = read() === "local";

function read() {
  try {
    return localStorage.getItem("stateward.zone");
  } catch {
    return null;
  }
}

function parts(at) {
  const get = (name) => (local ? at[`get${name}`]() : at[`getUTC${name}`]());
  const two = (number) => String(number).padStart(2, "0");
  return {
    day: `${get("Date")} ${MONTHS[get("Month")]}`,
    year: get("FullYear"),
    clock: `${two(get("Hours"))}:${two(get("Minutes"))}`,
    seconds: two(get("Seconds")),
    milliseconds: String(at.getUTCMilliseconds()).padStart(3, "0"),
  };
}

function zone(at) {
  if (!local) return "UTC";
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const sign = minutes < 0 ? "−" : "+";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${sign}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

function span(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)}${GAP}s`;
  if (seconds < 60) return `${Math.round(seconds)}${GAP}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${GAP}min`;
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  return `${hours}${GAP}h${rest && hours < 10 ? ` ${rest}${GAP}min` : ""}`;
}

function written(at, style, now) {
  const to = parts(at);
  if (style === "clock") return `${to.clock}:${to.seconds}.${to.milliseconds}`;
  if (style === "second") return `${to.clock}:${to.seconds}`;
  if (style === "full") return `${to.day} ${to.year} ${to.clock}:${to.seconds}`;
  if (style === "day") return `${to.day} ${to.year}`;
  const seconds = (now - at) / 1000;
  if (Math.abs(seconds) < 86400) return seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  return to.year === parts(now).year ? `${to.day} ${to.clock}` : `${to.day} ${to.year}`;
}

function write(within) {
  const now = new Date();
  for (const element of within.querySelectorAll("time[data-when]")) {
    const at = new Date(element.dateTime);
    const to = parts(at);
    const text = written(at, element.dataset.when, now);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${to.day} ${to.year}, ${to.clock}:${to.seconds}.${to.milliseconds} ${zone(at)}`;
  }
}

function show() {
  if (BUTTON) {
    BUTTON.textContent = zone(new Date());
    const name = local ? `local time, ${zone(new Date())}` : "UTC";
    BUTTON.setAttribute("aria-label", `Times are in ${name}. Show ${local ? "UTC" : "local time"}`);
  }
  write(document);
}

BUTTON?.addEventListener("click", () => {
  local = !local;
  try {
    localStorage.setItem("stateward.zone", local ? "local" : "utc");
  } catch {
    // kept for this page only
  }
  show();
  document.dispatchEvent(new CustomEvent("stateward:zone", { detail: { local } }));
});

document.addEventListener("htmx:afterSettle", () => write(document));
setInterval(() => document.hidden || write(document), 10_000);
show();
