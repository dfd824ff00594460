// @ts-check
// The text that is carried to the next round, and what changed since the round before.

import { el, icon, setAttribute, setProperty, setText, showState, stateGlyph } from "../lib/dom.js";
import { diffWords, finishedLines } from "../lib/diff.js";
import { full } from "../lib/format.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/**
 * What the box shows: a written workspace, or the call that is writing the next one.
 * `before` is the text of the workspace with the number `earlier`, 0 if there is none.
 * @typedef {{index: number, text: string, before: string, earlier: number, tokens: number, limit: number, call: Call | null, isOpen: boolean}} Content
 */

/** Return the newest workspace of a lane, or null before the first. @param {Lane} lane @returns {Content | null} */
export function findWorkspace(lane) {
  const written = [...lane.workspaces.values()].sort((one, other) => one.index - other.index);
  const last = written.at(-1);
  const writing = [...lane.calls.values()].filter((call) => call.role === "distill").at(-1);
  if (writing && writing.state !== "failed" && writing.round > (last?.round ?? 0)) {
    return {
      index: (last?.index ?? 0) + 1, text: writing.text, before: last?.text ?? "", earlier: last?.index ?? 0, tokens: writing.tokens,
      limit: writing.maxTokens, call: writing, isOpen: writing.state === "running",
    }; // prettier-ignore
  }
  if (!last) return null;
  const call = [...last.after].reverse().map((key) => lane.calls.get(key)).find((each) => each?.role === "distill") ?? null;
  const earlier = written.filter((each) => each.round < last.round).at(-1);
  return { index: last.index, text: last.text, before: earlier?.text ?? "", earlier: earlier?.index ?? 0, tokens: last.tokens, limit: last.limit, call, isOpen: false };
}

/** @param {(key: string) => void} openCall */
export function newWorkspace(openCall) {
  const glyph = stateGlyph();
  const title = el("h3", { class: "nowrap" });
  const note = el("span", { class: "quiet clip" });
  const modes = el("span", { class: "segmented push" });
  const buttons = ["Text", "Changes"].map((label) => el("button", { type: "button", "aria-pressed": String(label === "Text") }, label));
  modes.append(...buttons);
  const open = el("button", { type: "button", class: "button button--bare button--icon", "aria-label": "Open the call that wrote this workspace" }, icon("open"));
  const fill = el("i");
  const count = el("span");
  const meter = el("div", { class: "meter", role: "meter", "aria-label": "Workspace tokens", "aria-valuemin": "0" }, fill);
  const text = el("div", { class: "workspace__text", tabindex: "0", role: "group", "aria-label": "Workspace text" });
  const root = el("section", { class: "workspace" }, el("header", { class: "workspace__head" }, glyph, title, note, modes, open), el("div", { class: "workspace__meter" }, meter, count), text);
  let isDiff = false;
  let shown = "";
  /** @type {Content | null} */
  let content = null;

  buttons.forEach((button, place) => button.addEventListener("click", () => setDiff(place === 1)));
  open.addEventListener("click", () => content?.call && openCall(content.call.key));

  /** @param {boolean} value */
  function setDiff(value) {
    isDiff = value;
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String((place === 1) === value)));
    if (content) paintText(content);
  }

  /** @param {Content} next */
  function paint(next) {
    content = next;
    setAttribute(root, "aria-label", `Workspace ${next.index}`);
    showState(glyph, next.isOpen ? "streaming" : "done");
    setText(title, `Workspace ${next.index}`);
    setText(note, next.isOpen ? "being distilled" : "");
    setText(buttons[1], next.earlier ? `Diff with ${next.earlier}` : "Diff");
    setAttribute(buttons[1], "disabled", next.earlier ? null : "");
    setAttribute(open, "disabled", next.call ? null : "");
    setText(count, `${full(next.tokens)} of ${full(next.limit)} tokens`);
    setAttribute(meter, "aria-valuenow", String(next.tokens));
    setAttribute(meter, "aria-valuemax", String(next.limit));
    setAttribute(meter, "class", next.isOpen ? "meter meter--live" : "meter");
    setProperty(fill, "--p", `${Math.min(100, (100 * next.tokens) / next.limit).toFixed(1)}%`);
    paintText(next);
  }

  /** @param {Content} next */
  function paintText(next) {
    const usesDiff = isDiff && next.earlier > 0;
    const text_ = usesDiff && next.isOpen ? finishedLines(next.text) : next.text;
    const key = `${usesDiff} ${next.index} ${next.isOpen} ${text_}`;
    if (key === shown) return;
    shown = key;
    if (usesDiff) text.replaceChildren(...diffNodes(next.before, text_, next.isOpen));
    else setText(text, text_);
  }

  return { root, paint, toggleDiff: () => setDiff(!isDiff) };
}

/** @param {string} before @param {string} after @param {boolean} isOpen what is still to come must not show as removed */
function diffNodes(before, after, isOpen) {
  const changes = diffWords(before, after);
  if (isOpen && changes.at(-1)?.kind === "removed") changes.pop();
  const tags = /** @type {const} */ ({ same: "span", added: "ins", removed: "del" });
  return changes.map((change) => el(tags[change.kind], {}, change.text));
}
