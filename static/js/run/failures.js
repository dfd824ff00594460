// @ts-check
// What failures cost a run: requests sent again, tokens given up, drafts cut, lanes taken over. From the calls alone.

import { el } from "../lib/dom.js";
import { full } from "../lib/format.js";
import { SOLUTION_ROLES } from "./card.js";

/** @typedef {import("../types/state.d.ts").Lane} Lane */

/** Add up what failures cost the lanes; as `what_failures_cost` in webapp/runs/queries.py. @param {readonly Lane[]} lanes */
export function countFailures(lanes) {
  const calls = lanes.flatMap((lane) => [...lane.calls.values()]);
  const sum = (/** @type {(call: typeof calls[number]) => number} */ value) => calls.reduce((all, call) => all + value(call), 0);
  const retries = sum((call) => call.retries);
  return {
    attempts: calls.length + retries,
    retries,
    abandonedTokens: sum((call) => call.abandonedTokens + call.abandonedPromptTokens),
    isEstimate: calls.some((call) => call.isEstimate),
    failedCalls: calls.filter((call) => call.state === "failed").length,
    truncatedDrafts: calls.filter((call) => call.finishReason === "length" && SOLUTION_ROLES.has(call.role)).length,
    takeovers: lanes.reduce((all, lane) => all + lane.resumed.length, 0),
  };
}

/** Return the panel that tells it. @param {readonly Lane[]} lanes */
export function newFailures(lanes) {
  const cost = countFailures(lanes);
  const figures = /** @type {const} */ ([
    ["Requests", full(cost.attempts), "to the model server"],
    ["Sent again", full(cost.retries), "after a fault or a stop"],
    ["Given up", `${cost.isEstimate ? "≈" : ""}${full(cost.abandonedTokens)}`, "tokens of such attempts"],
    ["Failed", full(cost.failedCalls), "calls in the end"],
    ["Cut off", full(cost.truncatedDrafts), "drafts at their limit"],
    ["Taken over", full(cost.takeovers), "times by another worker"],
  ]);
  const items = figures.map(([name, value, note]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("b", {}, value), el("span", { class: "small quiet" }, note))));
  const note = cost.isEstimate ? el("span", { class: "small quiet" }, "a worker died: what it was writing is estimated") : null;
  return el("section", { class: "panel" }, el("div", { class: "panel__head" }, el("h2", {}, "What failures cost"), note), el("dl", { class: "trail trail--figures" }, ...items));
}
