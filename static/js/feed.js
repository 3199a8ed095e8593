// The feed, live: one stream a tab. Changes wait a quarter of a second and are shown together, so that a busy feed does not keep
// the page from answering; while it is paused they are counted. Where the stream breaks the browser comes again by itself and
// goes on after the last change. Its last event, "end", says why it is over for good.

const feed = document.querySelector("[data-feed]");
const rows = feed.querySelector("[data-rows]");
const model = feed.querySelector("[data-row]");
const button = document.querySelector("[data-pause]");
const waiting = feed.querySelector("[data-waiting]");
const MOST = 200; // rows on the page
const BATCH_MILLISECONDS = 250;
const PATIENCE_MILLISECONDS = 4000; // where nothing asynchronous serves it, the stream is asked for every few seconds
const TONES = { delete: "bad", purge: "bad", expire: "warn", rollback: "warn" };

let held = [];
let dropped = 0;
let cursor = feed.dataset.after;
let stream = null;
let isPaused = false;
let isOver = false;
let worry = null;

function say(text, tone) {
  const standing = feed.querySelector("[data-standing]");
  if (standing.textContent !== text) standing.textContent = text;
  feed.querySelector("[data-dot]").className = `dot ${tone}`;
}

function address(change) {
  const { entry } = feed.dataset;
  return entry.replace("0namespace", encodeURIComponent(change.namespace)).replace("0key", encodeURIComponent(change.key));
}

function row(change) {
  const made = model.content.cloneNode(true).firstElementChild;
  const time = made.querySelector("time");
  time.dateTime = change.at;
  time.dataset.when = "second";
  time.textContent = change.at.slice(11, 19);
  const tone = TONES[change.operation] || "";
  const badge = feed.querySelector(`[data-badge="${tone}"]`).content.cloneNode(true).firstElementChild;
  badge.lastChild.textContent = change.operation;
  made.querySelector("[data-what]").append(badge);
  const link = made.querySelector("[data-link]");
  link.textContent = change.key;
  link.href = address(change);
  made.querySelector("[data-place]").textContent = change.namespace;
  const version = made.querySelector("[data-version]");
  version.textContent = change.version;
  version.href = `${address(change)}?version=${change.version}${change.version > 1 ? `&compare=${change.version - 1}` : ""}`;
  made.querySelector("[data-by]").textContent = change.actor.name;
  made.classList.add("just-now");
  setTimeout(() => made.classList.remove("just-now"), 1200);
  return made;
}

function show() {
  if (isPaused) {
    const count = held.length + dropped;
    waiting.hidden = count === 0;
    waiting.textContent = `${count.toLocaleString("en")} new ${count === 1 ? "change waits" : "changes wait"}.`;
    return;
  }
  if (!held.length) return;
  const fresh = held.reverse().map(row);
  held = [];
  rows.prepend(...fresh);
  while (rows.children.length > MOST) rows.lastElementChild.remove();
  feed.querySelector("[data-empty]").hidden = true;
  rows.closest(".scroll").hidden = false;
  waiting.hidden = dropped === 0;
  if (dropped) waiting.textContent = `${dropped.toLocaleString("en")} more came than are shown here.`;
  dropped = 0;
  document.dispatchEvent(new CustomEvent("htmx:afterSettle", { detail: { part: rows } }));
}

function take(change) {
  held.push(change);
  if (held.length > MOST) {
    held.shift();
    dropped += 1;
  }
}

function follow() {
  if (stream || isOver) return;
  const query = new URLSearchParams({ after: cursor });
  for (const name of ["namespace", "prefix"]) if (feed.dataset[name]) query.set(name, feed.dataset[name]);
  stream = new EventSource(`${feed.dataset.feed}?${query}`);
  stream.onopen = () => {
    clearTimeout(worry);
    worry = null;
    say(isPaused ? "paused" : "live", isPaused ? "warn" : "ok");
  };
  stream.onmessage = ({ data, lastEventId }) => {
    cursor = lastEventId || cursor;
    take(JSON.parse(data));
  };
  stream.addEventListener("heartbeat", ({ lastEventId }) => {
    cursor = lastEventId || cursor;
  });
  stream.addEventListener("end", ({ data }) => {
    isOver = true;
    say(`ended: ${JSON.parse(data).detail}`, "bad");
    leave();
  });
  stream.onerror = () => {
    worry ??= setTimeout(() => isOver || say("the connection broke; it is taken up again", "warn"), PATIENCE_MILLISECONDS);
    if (stream && stream.readyState === EventSource.CLOSED) {
      leave();
      setTimeout(follow, 5000);
    }
  };
}

function leave() {
  if (stream) stream.close();
  stream = null;
}

button.hidden = false;
button.addEventListener("click", () => {
  isPaused = !isPaused;
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? "Go on" : "Pause";
  if (!isOver) say(isPaused ? "paused" : "live", isPaused ? "warn" : "ok");
  show();
});
setInterval(show, BATCH_MILLISECONDS);
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && follow());
follow();
