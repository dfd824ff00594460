// @ts-check
// One call as a card of fixed height. A streaming card holds a tail of the text, only the opened draft the whole.

import { el, setAttribute, setProperty, setText, showState, stateGlyph } from "../lib/dom.js";
import { capital, full, plural, short } from "../lib/format.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {"small" | "medium" | "large" | "pip"} Size */
/** @typedef {{root: HTMLButtonElement, paint: (call: Call) => void, setSize: (size: Size) => void, rename: (name: string, number: string) => void}} Card */

export const SOLUTION_ROLES = new Set(["draft", "refine"]);
const TAIL = { small: 120, medium: 400, large: 1600, pip: 0 };
/** What a shape says that the words beside it do not. */
const SPOKEN = /** @type {Record<string, string>} */ ({ right: "right,", wrong: "wrong,", done: "done," });
const RULED = new Set(["right", "wrong", "unreadable"]);

/** Return the state of a call as people see it: its shape, and a word. @param {Call} call */
export function lookOf(call) {
  const isSolution = SOLUTION_ROLES.has(call.role);
  if (call.state === "running") return call.tokens ? { state: "streaming", word: "writing" } : { state: "queued", word: "waiting" };
  if (call.state === "failed") return { state: "failed", word: "Failed" };
  if (call.state === "cancelled") return { state: "pruned", word: "Stopped" };
  if (call.finishReason === "pruned") return { state: "pruned", word: "Pruned" };
  if (isSolution && call.answer === null) return { state: "unreadable", word: call.finishReason !== "length" ? "No answer" : isInThought(call) ? "Cut off thinking" : "Cut off" };
  if (call.ruling && RULED.has(call.ruling)) return { state: call.ruling, word: call.answer ?? "" };
  return { state: "done", word: isSolution ? (call.answer ?? "") : "" };
}

/** Say whether all that a call wrote is a thought, as far as it shows. @param {Pick<Call, "text" | "thinking">} call */
const isInThought = ({ text, thinking }) => (text.trim() ? /^\s*<think>/.test(text) && !text.includes("</think>") : thinking !== "");

/** @param {import("../types/events.d.ts").Odds} odds */
export const logprobOf = ({ sum_logprob: sum, tokens }) => (tokens ? (sum / tokens).toFixed(2) : "0");

/** Return how many tokens a pruned call could still have written, at most. @param {Pick<Call, "finishReason" | "maxTokens" | "tokens">} call */
export const savedBy = (call) => (call.finishReason === "pruned" ? Math.max(0, call.maxTokens - call.tokens) : 0);

/** Return what judges think of a call: 0 to 1 on average, or how many say yes where none says anything between; empty before the first has spoken. @param {Pick<Call, "scores">} call */
export function scoreOf({ scores }) {
  if (!scores.size) return "";
  const sum = [...scores.values()].reduce((one, other) => one + other, 0);
  if (scores.size > 1 && [...scores.values()].every((value) => value === 0 || value === 1)) return `${sum} of ${scores.size}`;
  return (sum / scores.size).toFixed(2);
}

/** Return the name of a call among those of its round, e.g. "Draft 3". @param {string} role @param {number} place @param {number} count */
export const nameOf = (role, place, count) => (count > 1 ? `${capital(role)} ${place}` : capital(role));

/**
 * Return the end of a text, at least `length` long if there is as much. The cut moves in steps, to a line's or word's
 * begin, so that lines do not break anew with every token.
 * @param {string} text @param {number} length
 */
export function tailOf(text, length) {
  if (text.length <= length * 2.5) return text;
  const cut = Math.floor((text.length - length * 1.5) / length) * length;
  const stop = cut + length / 2;
  const line = text.indexOf("\n", cut);
  if (line >= 0 && line < stop) return text.slice(line + 1);
  const space = text.indexOf(" ", cut);
  return text.slice(space >= 0 && space < stop ? space + 1 : cut + (isLowSurrogate(text, cut) ? 1 : 0));
}

/** @param {string} text @param {number} place */
const isLowSurrogate = (text, place) => (text.charCodeAt(place) & 0xfc00) === 0xdc00;

/** @param {string} name e.g. "Draft 3" @param {string} number e.g. "3" @returns {Card} */
export function newCard(name, number) {
  const glyph = stateGlyph();
  const nameText = el("span", { class: "draft-card__name" });
  const answer = el("span", { class: "draft-card__answer clip" });
  const score = el("span", { class: "draft-card__score" });
  const model = el("span", { class: "draft-card__model clip" });
  const tokens = el("span", { class: "draft-card__tokens" });
  const spoken = el("span", { class: "visually-hidden" });
  const tail = el("span", { class: "draft-card__tail", "aria-hidden": "true" }, el("span"));
  const progress = el("span", { class: "draft-card__progress", "aria-hidden": "true" }, el("i"));
  const root = el("button", { type: "button", class: "draft-card" }, el("span", { class: "draft-card__head" }, glyph, nameText, spoken, answer, score, model, tokens), tail, progress);
  /** @type {Size} */
  let size = "small";

  /** Others of its role may come later: then it has a number. @param {string} nextName @param {string} nextNumber */
  function rename(nextName, nextNumber) {
    if (nameText.textContent === nextName) return;
    name = nextName;
    nameText.replaceChildren(...(nextNumber ? [el("span", { class: "draft-card__word" }, name.slice(0, -nextNumber.length)), nextNumber] : [name]));
  }

  /** @param {Size} next */
  function setSize(next) {
    size = next;
    root.className = size === "pip" ? "pip" : `draft-card draft-card--${size}`;
  }

  /** @param {Call} call */
  function paint(call) {
    const { state, word } = lookOf(call);
    setAttribute(root, "data-state", state);
    showState(glyph, state);
    setText(answer, size !== "pip" ? word : state === "unreadable" ? "none" : word || scoreOf(call) || name);
    setAttribute(answer, "data-quiet", call.state === "running" ? "" : null);
    const isLive = size === "large" && call.state === "running";
    setText(tokens, isLive ? `${full(call.tokens)} of ${full(call.maxTokens)}` : short(call.tokens));
    paintScore(call);
    setText(model, call.model);
    if (size !== "pip") paintTail(call);
    setProperty(/** @type {HTMLElement} */ (progress.firstChild), "--p", `${Math.min(100, (100 * call.tokens) / call.maxTokens).toFixed(1)}%`);
    setText(spoken, word ? (SPOKEN[state] ?? "") : state);
  }

  /** @param {Call} call */
  function paintScore(call) {
    const text = scoreOf(call);
    setText(score, text);
    setAttribute(score, "title", text ? `Score by ${call.scores.size === 1 ? "a judge" : `${call.scores.size} judges`}, from 0 to 1` : null);
  }

  /** @param {Call} call */
  function paintTail(call) {
    const words = ownWords(call);
    const isThinking = !words && !call.text && call.thinking !== "";
    setAttribute(tail, "data-own", words ? "" : null);
    setAttribute(tail, "data-thinking", isThinking ? "" : null);
    const text = words || tailText(isThinking ? call.thinking : call.text, size);
    setText(/** @type {Node} */ (tail.firstChild), text);
  }

  rename(name, number);
  setSize("small");
  watchFullness(/** @type {Element} */ (tail.firstChild));
  return { root, paint, setSize, rename };
}

/** @type {ResizeObserver | null} */
let fullness = null;

/** Mark a tail that does not fit its box: its beginning fades. Told after layout, so that it costs none. @param {Element} text */
function watchFullness(text) {
  fullness ??= new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const box = target.parentElement;
      if (box) setAttribute(box, "data-over", contentRect.height > box.clientHeight || contentRect.width > box.clientWidth + 1 ? "" : null);
    }
  });
  fullness.observe(text);
}

/** @param {string} text @param {Size} size */
function tailText(text, size) {
  const tail = tailOf(text, TAIL[size]).trim();
  return size === "small" ? tail.slice(tail.lastIndexOf("\n") + 1) : tail.replace(/\n{2,}/g, "\n");
}

/** What we have to say instead of the model's text. @param {Call} call */
function ownWords(call) {
  if (call.state === "failed") return `${call.error} Text so far is kept.`;
  if (call.finishReason === "pruned") return `Up to ${full(savedBy(call))} tokens saved by pruning; the text is kept.`;
  if (call.state === "done" && call.odds && !call.text) return `Weighed ${plural(call.odds.tokens, "token")}: log-probability ${logprobOf(call.odds)} each.`;
  if (call.state === "done" && !call.text && !call.thinking) return "Wrote nothing.";
  if (call.state === "cancelled") return `Stopped at ${full(call.tokens)} tokens; the text is kept.`;
  if (call.state === "running" && !call.tokens) return call.retries ? `Asked again, try ${call.retries + 1}.` : "Waits for the first token.";
  return "";
}
