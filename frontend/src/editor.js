// <textarea data-editor="cedar|json"> becomes a CodeMirror editor; the textarea stays the form's field and the fallback.
//
// data-validate: address that takes {"text": …} and answers {"errors": [{"line", "column", "message", "severity"?}]}
// data-compare:  id of an element whose text the editor's is compared with (side by side changes are marked in place)
// data-mark:     "line:tone,line:tone" lines to mark at the start (bad, ok, warn)

import { autocompletion, closeBrackets, completeFromList } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { linter, lintGutter, lintKeymap } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { cedar } from "./cedar.js";

const paint = HighlightStyle.define([
  { tag: [tags.keyword, tags.atom, tags.bool, tags.null], color: "var(--code-word)" },
  { tag: tags.string, color: "var(--code-text)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: [tags.typeName, tags.meta], color: "var(--code-type)" },
  { tag: tags.comment, color: "var(--code-note)" },
  { tag: tags.variableName, color: "var(--ink)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "0.75rem" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", minHeight: "var(--editor-height, 240px)" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-3)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--accent-soft) !important" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent-line)" },
  ".cm-line-bad": { backgroundColor: "var(--bad-soft)", boxShadow: "inset 3px 0 var(--bad-mark)" },
  ".cm-line-ok": { backgroundColor: "var(--ok-soft)", boxShadow: "inset 3px 0 var(--ok-mark)" },
  ".cm-line-warn": { backgroundColor: "var(--warn-soft)", boxShadow: "inset 3px 0 var(--warn-mark)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad-mark)" },
  ".cm-changedLine": { backgroundColor: "var(--ok-soft)" },
  ".cm-deletedChunk": { backgroundColor: "var(--bad-soft)" },
});

const setMarks = StateEffect.define();
const marks = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    let now = value.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(setMarks)) now = effect.value;
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function marksOf(state, lines) {
  const known = lines.filter(({ line }) => line >= 1 && line <= state.doc.lines).sort((a, b) => a.line - b.line);
  return Decoration.set(known.map(({ line, tone }) => Decoration.line({ class: `cm-line-${tone}` }).range(state.doc.line(line).from)));
}

const LANGUAGES = { cedar, json };

function validator(area) {
  return linter(
    async (view) => {
      const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
      const reply = await fetch(area.dataset.validate, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        body: JSON.stringify({ text: view.state.doc.toString() }),
      });
      if (!reply.ok) return [];
      const { errors = [] } = await reply.json();
      area.dispatchEvent(new CustomEvent("stateward:validated", { bubbles: true, detail: { errors } }));
      return errors.map((error) => placed(view.state.doc, error));
    },
    { delay: 400 },
  );
}

function placed(doc, { line, column, message, severity = "error" }) {
  const at = doc.line(Math.min(Math.max(line ?? 1, 1), doc.lines));
  const from = Math.min(at.from + Math.max((column ?? 1) - 1, 0), at.to);
  return { from, to: Math.max(from, at.to), severity, message };
}

function completions(area) {
  const words = area.dataset.words?.split(" ").filter(Boolean);
  return words?.length ? [autocompletion({ override: [completeFromList(words)] })] : [];
}

export function edit(area) {
  const label = area.labels?.[0]?.textContent ?? area.getAttribute("aria-label") ?? "Text";
  const readOnly = new Compartment();
  const before = area.dataset.compare && document.getElementById(area.dataset.compare)?.textContent;
  const view = new EditorView({
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(area.dataset.nonce ?? ""),
      EditorView.contentAttributes.of({ "aria-label": `${label.trim()}. Press Escape, then Tab, to leave the editor.` }),
      look,
      syntaxHighlighting(paint),
      lineNumbers(),
      history(),
      drawSelection(),
      indentUnit.of("  "),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      marks,
      readOnly.of(EditorState.readOnly.of(area.readOnly)),
      keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap, indentWithTab]),
      EditorView.lineWrapping,
      LANGUAGES[area.dataset.editor]?.() ?? [],
      area.dataset.validate ? [validator(area), lintGutter()] : [],
      before ? unifiedMergeView({ original: before, mergeControls: false }) : [],
      ...completions(area),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        area.value = update.state.doc.toString();
        area.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ],
  });
  area.hidden = true;
  area.after(view.dom);
  mark(view, lineTones(area.dataset.mark));
  return view;
}

function lineTones(text) {
  return (text ?? "")
    .split(",")
    .filter(Boolean)
    .map((one) => ({ line: Number(one.split(":")[0]), tone: one.split(":")[1] }));
}

export function mark(view, lines) {
  view.dispatch({ effects: setMarks.of(marksOf(view.state, lines)) });
}

const editors = new Map();
for (const area of document.querySelectorAll("textarea[data-editor]")) editors.set(area.id, edit(area));

// Other modules speak to an editor through the document, so that nothing needs to import this file.
document.addEventListener("stateward:mark", ({ detail }) => {
  const view = editors.get(detail.editor);
  if (view) mark(view, detail.lines);
});
document.addEventListener("stateward:goto", ({ detail }) => {
  const view = editors.get(detail.editor);
  if (!view) return;
  const at = view.state.doc.line(Math.min(Math.max(detail.line, 1), view.state.doc.lines));
  view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
  view.focus();
});
