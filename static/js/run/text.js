// @ts-check
// The text of an opened call: finished blocks are drawn once with their formulas, the last one grows.

import { el, icon, setAttribute, setText } from "../lib/dom.js";
import { full } from "../lib/format.js";
import { renderBlock, splitBlocks } from "../lib/maths.js";

/** @typedef {import("../types/state.d.ts").Call} Call */

/** @param {HTMLElement} body where it is written */
export function newText(body) {
  const thinking = el("pre", { class: "raw" });
  const thought = el("details", { class: "thinking", hidden: true }, el("summary", { class: "thought" }, icon("right"), el("span")), thinking);
  const prose = el("div", { class: "prose" });
  const live = el("p", { class: "prose prose--live" });
  const fault = el("p", { class: "banner banner--failed", hidden: true });
  let drawn = 0;

  function reset() {
    drawn = 0;
    prose.replaceChildren();
    live.textContent = "";
    body.replaceChildren();
  }

  /** @param {Call} call */
  function paint(call) {
    if (!body.contains(prose)) body.replaceChildren(fault, thought, prose, live);
    const wasAtEnd = body.scrollTop + body.clientHeight > body.scrollHeight - 24 && body.scrollTop > 0;
    if (call.text.length < drawn) {
      drawn = 0;
      prose.replaceChildren();
    }
    const blocks = splitBlocks(call.text.slice(drawn));
    const rest = call.state === "running" ? (blocks.pop() ?? "") : "";
    for (const block of blocks.filter(Boolean)) {
      prose.append(renderBlock(block));
      drawn += block.length;
    }
    setText(live, rest);
    setAttribute(live, "data-live", call.state === "running" ? "" : null);
    thought.hidden = call.thinking === "";
    setText(thinking, call.thinking);
    setText(/** @type {Node} */ (thought.firstElementChild?.lastElementChild), call.text ? `Thought${thoughtFor(call)}` : "Thinking");
    fault.hidden = call.state !== "failed";
    setText(fault, call.error);
    if (wasAtEnd && call.state === "running") body.scrollTop = body.scrollHeight;
  }
  return { paint, reset };
}

/** @param {Call} call */
const thoughtFor = (call) => (call.usage?.reasoning_tokens ? `, ${full(call.usage.reasoning_tokens)} tokens` : `, ${full(call.thinking.length)} characters`);
