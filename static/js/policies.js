// Under the editor: what is wrong with the text, each with a button that goes there; or that nothing is.

document.addEventListener("stateward:validated", ({ target, detail }) => {
  const list = document.querySelector(`[data-faults="${target.id}"]`);
  if (!list) return;
  if (!detail.errors.length) {
    const fine = document.createElement("li");
    fine.className = "ok";
    fine.textContent = `✓ ${list.dataset.fine || "Fits the schema"}`;
    list.replaceChildren(fine);
    return;
  }
  list.replaceChildren(...detail.errors.map((error) => fault(target.id, error)));
});

function fault(editor, { line, column, message }) {
  const item = document.createElement("li");
  const go = document.createElement("button");
  go.type = "button";
  go.textContent = `Line ${line}, column ${column}`;
  go.addEventListener("click", () => {
    document.dispatchEvent(new CustomEvent("stateward:goto", { detail: { editor, line } }));
  });
  item.append(go, document.createTextNode(message));
  return item;
}
