// Ctrl-K: pages of this console at once, then what the server finds. Without JavaScript the same button leads to the search page.

const palette = document.getElementById("palette");
const input = palette?.querySelector("input");
const found = palette?.querySelector(".found");
const counted = palette?.querySelector("[data-count]");
let asked = null;
let timer = 0;

function pages(words) {
  return [...document.querySelectorAll(".nav a")]
    .filter((link) => link.textContent.trim().toLowerCase().includes(words))
    .map((link) => ({ title: link.textContent.trim(), url: link.href, icon: link.querySelector("svg") }));
}

function option(item) {
  const link = document.createElement("a");
  link.className = "option";
  link.href = item.url;
  link.tabIndex = -1;
  link.role = "option";
  link.id = `palette-${found.querySelectorAll(".option").length}`;
  link.setAttribute("aria-selected", "false");
  if (item.icon) link.append(item.icon.cloneNode(true));
  const title = document.createElement("span");
  title.textContent = item.title;
  if (item.mono) title.className = "mono";
  link.append(title);
  if (item.where) {
    const where = document.createElement("span");
    where.className = "where";
    where.textContent = item.where;
    link.append(where);
  }
  return link;
}

function group(title, items) {
  if (!items.length) return;
  const list = document.createElement("div");
  list.role = "group";
  list.setAttribute("aria-label", title);
  const heading = document.createElement("div");
  heading.className = "group";
  heading.setAttribute("aria-hidden", "true");
  heading.textContent = title;
  list.append(heading);
  found.append(list);
  for (const item of items) list.append(option(item));
}

function select(link) {
  for (const other of found.querySelectorAll("[aria-selected=true]")) other.setAttribute("aria-selected", "false");
  if (!link) return input.removeAttribute("aria-activedescendant");
  link.setAttribute("aria-selected", "true");
  link.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", link.id);
}

function draw(groups) {
  found.replaceChildren();
  for (const { title, items } of groups) group(title, items);
  const options = found.querySelectorAll(".option");
  if (!options.length) {
    const nothing = document.createElement("div");
    nothing.className = "nothing";
    nothing.textContent = "Nothing of that name that you may see.";
    found.append(nothing);
  }
  counted.textContent = `${options.length} found`;
  select(options[0]);
}

async function ask() {
  const words = input.value.trim();
  const here = { title: "Pages", items: pages(words.toLowerCase()) };
  if (!words) return draw([here]);
  asked?.abort();
  asked = new AbortController();
  try {
    const url = new URL(palette.dataset.url, location.href);
    url.searchParams.set("q", words);
    const reply = await fetch(url, { signal: asked.signal, headers: { Accept: "application/json" } });
    const { groups } = await reply.json();
    for (const one of groups) for (const item of one.items) item.icon = sign(item.icon);
    draw([...groups, here]);
  } catch (error) {
    if (error.name !== "AbortError") draw([here]);
  }
}

function sign(path) {
  if (!path) return null;
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(name, "path"));
  svg.firstChild.setAttribute("d", path);
  return svg;
}

function open() {
  input.value = "";
  draw([{ title: "Pages", items: pages("") }]);
  palette.showModal();
  input.focus();
}

if (palette) {
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette]") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!palette.open) open();
    }
  });
  palette.addEventListener("click", (event) => event.target === palette && palette.close());
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  });
  input.addEventListener("keydown", (event) => {
    const options = [...found.querySelectorAll(".option")];
    const now = options.findIndex((link) => link.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      select(options[(now + step + options.length) % options.length]);
    } else if (event.key === "Enter" && options[now]) {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) window.open(options[now].href);
      else options[now].click();
    }
  });
}
