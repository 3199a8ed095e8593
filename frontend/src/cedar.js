// Cedar, as far as colours, brackets and indentation need it: a small tokenizer of our own.

import { LanguageSupport, StreamLanguage } from "@codemirror/language";

const WORDS = new Set(["permit", "forbid", "when", "unless", "if", "then", "else", "in", "is", "has", "like"]);
const NAMES = new Set(["principal", "action", "resource", "context"]);
const ATOMS = new Set(["true", "false"]);

function token(stream, state) {
  if (stream.eatSpace()) return null;
  if (stream.match("//")) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
  if (stream.match(/^-?\d+/)) return "number";
  if (stream.match(/^@[A-Za-z_]\w*/)) return "meta";
  if (stream.match(/^\?(principal|resource)\b/)) return "variableName.special";
  if (stream.match(/^[A-Za-z_]\w*/)) return word(stream, state);
  if (stream.match(/^(?:&&|\|\||==|!=|<=|>=|::|[<>+\-*!.])/)) return "operator";
  if (stream.match(/^[{[(]/)) {
    state.depth += 1;
    return "bracket";
  }
  if (stream.match(/^[}\])]/)) {
    state.depth = Math.max(0, state.depth - 1);
    return "bracket";
  }
  stream.next();
  return null;
}

function word(stream, state) {
  const text = stream.current();
  if (ATOMS.has(text)) return "atom";
  if (WORDS.has(text)) return "keyword";
  if (NAMES.has(text)) return "variableName";
  if (/^\s*::/.test(stream.string.slice(stream.pos))) return "typeName";
  if (/^\s*\(/.test(stream.string.slice(stream.pos))) return "function";
  return "propertyName";
}

const language = StreamLanguage.define({
  name: "cedar",
  startState: () => ({ depth: 0 }),
  copyState: (state) => ({ ...state }),
  token,
  indent: (state, after, context) => {
    const closes = /^[}\])]/.test(after) ? 1 : 0;
    return Math.max(0, state.depth - closes) * context.unit;
  },
  languageData: {
    commentTokens: { line: "//" },
    closeBrackets: { brackets: ["(", "[", "{", '"'] },
    indentOnInput: /^\s*[}\])]$/,
  },
});

export function cedar() {
  return new LanguageSupport(language);
}
