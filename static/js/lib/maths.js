// @ts-check
// Text with LaTeX in it, as elements. The text is a stranger's: KaTeX builds nodes, everything else is textContent.

import { el } from "./dom.js";

/** @typedef {{kind: "text" | "inline" | "display", text: string}} Piece */

const LONGEST_FORMULA = 4000;
const MOST_FORMULAS = 400;
const OPENERS = /\$\$|\\\[|\\\(|\$|\\boxed\{/g;
const CLOSERS = /** @type {Record<string, string>} */ ({ "$$": "$$", "\\[": "\\]", "\\(": "\\)", $: "$" });

/** @type {typeof import("katex").default | null} */
let katex = null;

/** Load KaTeX and its style sheet; until then formulas stay as written. @param {string} styleUrl */
export async function loadMaths(styleUrl) {
  document.head.append(el("link", { rel: "stylesheet", href: styleUrl }));
  katex = (await import("katex")).default;
}

/**
 * Cut a text into plain text and formulas. An opener that is never closed is plain text.
 * @param {string} text @returns {Piece[]}
 */
export function splitFormulas(text) {
  /** @type {Piece[]} */
  const pieces = [];
  const ends = newFinder(text);
  let done = 0;
  for (OPENERS.lastIndex = 0; ; ) {
    const match = OPENERS.exec(text);
    if (!match) break;
    const found = readFormula(text, match.index, match[0], ends);
    if (!found) continue;
    if (match.index > done) pieces.push({ kind: "text", text: text.slice(done, match.index) });
    pieces.push(found.piece);
    done = OPENERS.lastIndex = found.end;
  }
  if (done < text.length) pieces.push({ kind: "text", text: text.slice(done) });
  return pieces;
}

/**
 * Return what says where a mark comes next at or behind a place, or -1; places rise. It remembers what it found: many
 * openers without an end would else each read the rest of the text.
 * @param {string} text @returns {(mark: string, from: number) => number}
 */
function newFinder(text) {
  /** @type {Map<string, number>} */
  const next = new Map();
  return (mark, from) => {
    let place = next.get(mark) ?? 0;
    if (place >= 0 && place < from) next.set(mark, (place = text.indexOf(mark, from)));
    return place;
  };
}

/** @param {string} text @param {number} start @param {string} opener @param {ReturnType<typeof newFinder>} ends @returns {{piece: Piece, end: number} | null} */
function readFormula(text, start, opener, ends) {
  if (text[start - 1] === "\\" && opener.startsWith("$")) return null;
  if (opener.startsWith("\\boxed")) {
    const end = closeBraces(text, start + opener.length - 1);
    return end ? { piece: { kind: "inline", text: text.slice(start, end) }, end } : null;
  }
  const inside = start + opener.length;
  const close = ends(CLOSERS[opener], inside);
  if (close <= inside || close - inside > LONGEST_FORMULA) return null;
  const tex = text.slice(inside, close);
  if (opener === "$" && !isLikelyFormula(tex, text[close + 1])) return null;
  const kind = opener === "$$" || opener === "\\[" ? "display" : "inline";
  return { piece: { kind, text: tex }, end: close + CLOSERS[opener].length };
}

/** Single dollars are also money: as pandoc does, no space inside, no digit behind. @param {string} tex @param {string | undefined} next */
const isLikelyFormula = (tex, next) => !/^\s|\s$|\n/.test(tex) && !/\d/.test(next ?? "");

/** Return the place behind the brace that closes the one at `open`, or 0. @param {string} text @param {number} open */
function closeBraces(text, open) {
  let depth = 0;
  for (let place = open; place < Math.min(text.length, open + LONGEST_FORMULA); place += 1) {
    if (text[place] === "{") depth += 1;
    else if (text[place] === "}" && --depth === 0) return place + 1;
  }
  return 0;
}

/**
 * Cut a text into blocks at blank lines. All but the last are finished: nothing written later changes them.
 * A blank line inside an open display formula does not cut.
 * @param {string} text @returns {string[]} joined they are the text again
 */
export function splitBlocks(text) {
  const blocks = [""];
  for (const part of text.split(/(\n[^\S\n]*\n\s*)/)) {
    blocks[blocks.length - 1] += part;
    if (/^\n/.test(part) && !isOpen(/** @type {string} */ (blocks.at(-1)))) blocks.push("");
  }
  if (blocks.length > 1 && blocks.at(-1) === "") blocks.pop();
  return blocks;
}

/** @param {string} block */
function isOpen(block) {
  const count = (/** @type {string} */ mark) => block.split(mark).length - 1;
  return block.length < LONGEST_FORMULA && (count("$$") % 2 === 1 || count("\\[") > count("\\]"));
}

/** Return a block as a paragraph with its formulas drawn. @param {string} text */
export function renderBlock(text) {
  const block = el("p");
  splitFormulas(text.trimEnd()).forEach((piece, place) => {
    const isPlain = piece.kind === "text" || katex === null || place > MOST_FORMULAS;
    block.append(isPlain ? asWritten(piece) : renderFormula(piece));
  });
  return block;
}

/** @param {Piece} piece */
const asWritten = (piece) => (piece.kind === "display" ? `$$${piece.text}$$` : piece.kind === "inline" && !piece.text.startsWith("\\boxed") ? `$${piece.text}$` : piece.text);

/** Called for links, images and HTML in a formula: none is drawn, the formula stays as written. @returns {never} */
function refuse() {
  throw new Error("A formula may not hold links, images or HTML.");
}

/** @param {Piece} piece */
function renderFormula(piece) {
  const box = el("span", { class: piece.kind === "display" ? "display" : "formula-inline" });
  try {
    katex?.render(piece.text, box, {
      displayMode: piece.kind === "display",
      throwOnError: true,
      trust: refuse,
      strict: (code) => (code === "htmlExtension" ? "error" : "ignore"),
      maxExpand: 200,
      maxSize: 20,
    });
  } catch {
    box.textContent = asWritten(piece);
  }
  return box;
}

/** Replace an element's text by the same text with formulas drawn. @param {Element} element */
export function renderInPlace(element) {
  const text = element.textContent ?? "";
  if (!splitFormulas(text).some((piece) => piece.kind !== "text")) return;
  element.replaceChildren(...renderBlock(text).childNodes);
}
