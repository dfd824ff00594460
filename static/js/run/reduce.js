// @ts-check
// Pure: state and events in, state and what was touched out. Knows no DOM, no clock, no network.

import { newCall } from "./state.js";
import { countBallots, orderRows } from "./votes.js";

/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/** @typedef {import("../types/events.d.ts").TextDelta} TextDelta */
/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").Run} Run */
/** @typedef {import("../types/state.d.ts").Touch} Touch */
/** @template {RunEvent["kind"]} K @typedef {Extract<RunEvent, {kind: K}>} Of */

/**
 * Apply events in order. Applying one twice changes nothing: a fact counts once by its identity, a delta by its place.
 * Calls `touch(lane, what)` for everything that must be painted again; `what` is "head", "body", "nodes", "statistics" or a call's key.
 * Returns false when a delta does not join on to the text known: the events before it are missing.
 * @param {Run} run @param {readonly RunEvent[]} events @param {Touch} [touch]
 */
export function applyEvents(run, events, touch = () => {}) {
  let isWhole = true;
  for (const event of events) {
    if (event.kind === "run_ended") {
      run.status = event.status;
      touch(0, "head");
      continue;
    }
    const lane = run.lanes.get(event.lane);
    if (!lane) continue; // another problem or repeat of the same run
    if (event.kind === "text_delta") isWhole = applyDelta(lane, event, touch) && isWhole;
    else applyFact(run, lane, event, touch);
  }
  return isWhole;
}

/** @param {Lane} lane @param {TextDelta} event @param {Touch} touch */
function applyDelta(lane, event, touch) {
  const call = lane.calls.get(event.call);
  if (!call) return false;
  if (call.state !== "running" || event.at < call.voidBefore) return true;
  const channel = event.channel === "thinking" ? "thinking" : "text";
  const known = call[channel].length;
  if (event.start > known) return false;
  if (event.start + event.text.length > known) {
    call[channel] += event.text.slice(known - event.start);
    call.tokens = event.tokens;
    call.firstTokenAt ??= event.at;
    touch(lane.id, call.key);
  }
  return true;
}

/** @param {Run} run @param {Lane} lane @param {Exclude<RunEvent, TextDelta | Of<"run_ended">>} event @param {Touch} touch */
function applyFact(run, lane, event, touch) {
  const identity = identify(event);
  if (lane.seen.has(identity)) return;
  lane.seen.add(identity);
  if (run.status === "queued") run.status = "running";
  const handle = /** @type {((lane: Lane, event: any, touch: Touch) => void) | undefined} */ (HANDLERS[event.kind]);
  handle?.(lane, event, touch); // a page that was open during an update may hear of what it does not know
}

/** Name a fact within its lane, as `identity` does in workers/core/events.py. @param {any} event @returns {string} */
export function identify(event) {
  const kind = event.kind;
  if (kind === "lane_finished" || kind === "lane_failed" || kind === "lane_cancelled") return "end";
  if (kind === "lane_resumed") return `${kind}:${event.fence}`;
  if (kind === "call_restarted") return `${kind}:${event.call}:${event.retry}`;
  if (kind === "candidate_scored") return `${kind}:${event.call}:${event.by}`;
  if (kind === "votes_counted") return `${kind}:${event.round}:${countBallots(event)}`;
  return `${kind}:${event.call ?? event.index ?? ""}`;
}

/** Throw away what an open call has written. @param {Call} call @param {number} at */
function voidText(call, at) {
  Object.assign(call, { text: "", thinking: "", tokens: 0, firstTokenAt: null, voidBefore: at });
}

/** @param {Lane} lane @param {any} event @param {Touch} touch @param {Partial<Call>} change */
function endCall(lane, event, touch, change) {
  const call = lane.calls.get(event.call);
  if (!call || call.state === "done" || (call.state !== "running" && change.state !== "done")) return;
  const { text, thinking, usage, at } = event;
  // what only the deltas told is forgotten: who looks later never heard of it
  Object.assign(call, { text, thinking, usage, endedAt: at, tokens: usage.completion_tokens, firstTokenAt: null }, change);
  touch(lane.id, "body");
  touch(lane.id, call.key);
}

/** @param {Lane} lane @param {any} event @param {Touch} touch @param {Lane["state"]} state */
function endLane(lane, event, touch, state) {
  Object.assign(lane, { state, ending: event });
  touch(lane.id, "head");
  touch(lane.id, "body");
}

/** @type {{[K in Exclude<RunEvent["kind"], "text_delta" | "run_ended">]: (lane: Lane, event: Of<K>, touch: Touch) => void}} */
const HANDLERS = {
  lane_started(lane, event, touch) {
    lane.startedAt = event.at;
    if (lane.state === "queued") lane.state = "running";
    touch(lane.id, "head");
    touch(lane.id, "body");
  },
  lane_resumed(lane, event, touch) {
    lane.resumed.push(event.at);
    for (const call of lane.calls.values()) {
      if (call.state !== "running") continue;
      voidText(call, event.at);
      touch(lane.id, call.key);
    }
    touch(lane.id, "body");
  },
  round_opened(lane, event, touch) {
    lane.rounds.set(event.index, { index: event.index, name: event.name, openedAt: event.at, closedAt: null });
    touch(lane.id, "body");
  },
  round_closed(lane, event, touch) {
    const round = lane.rounds.get(event.index);
    if (round) round.closedAt = event.at;
    touch(lane.id, "body");
  },
  call_started(lane, event, touch) {
    lane.calls.set(event.call, newCall(event));
    touch(lane.id, "body");
  },
  call_restarted(lane, event, touch) {
    const call = lane.calls.get(event.call);
    if (!call || call.state !== "running") return;
    voidText(call, event.at);
    call.retries = Math.max(call.retries, event.retry);
    call.abandonedTokens += event.abandoned_tokens;
    call.abandonedPromptTokens += event.abandoned_prompt_tokens ?? 0; // facts of older runs have none
    call.isEstimate ||= event.is_estimate ?? false;
    touch(lane.id, call.key);
  },
  call_finished(lane, event, touch) {
    const { answer, finish_reason: finishReason, first_token_at: firstTokenAt, retries, odds = null } = event;
    endCall(lane, event, touch, { state: "done", answer, finishReason, firstTokenAt, retries, odds });
  },
  call_failed(lane, event, touch) {
    endCall(lane, event, touch, { state: "failed", error: event.error });
  },
  call_cancelled(lane, event, touch) {
    endCall(lane, event, touch, { state: "cancelled" });
  },
  workspace_written(lane, event, touch) {
    lane.workspaces.set(event.index, event);
    touch(lane.id, "body");
  },
  votes_counted(lane, event, touch) {
    const known = lane.votes.get(event.round);
    if (!known || countBallots(event) > countBallots(known)) lane.votes.set(event.round, event);
    lane.voteRows.set(event.round, orderRows(lane.voteRows.get(event.round) ?? [], event.tallies));
    touch(lane.id, "body");
  },
  candidate_scored(lane, event, touch) {
    lane.calls.get(event.call)?.scores.set(event.by, event.value);
    touch(lane.id, event.call);
  },
  node_placed(lane, event, touch) {
    lane.nodes.set(event.node, event);
    touch(lane.id, "nodes");
  },
  statistic_taken(lane, event, touch) {
    lane.statistics.set(event.name, [...(lane.statistics.get(event.name) ?? []), event]);
    touch(lane.id, "statistics");
  },
  tool_used(lane, event, touch) {
    lane.tools.push({ ...event, round: Math.max(0, ...lane.rounds.keys()) });
    touch(lane.id, "body");
  },
  note_taken(lane, event, touch) {
    lane.notes.push(event);
    touch(lane.id, "body");
  },
  answer_given(lane, event, touch) {
    lane.answer = event;
    touch(lane.id, "head");
  },
  verdict_reached(lane, event, touch) {
    lane.verdict = event;
    touch(lane.id, "head");
  },
  draft_graded(lane, event, touch) {
    const call = lane.calls.get(event.call);
    if (call) call.ruling = event.ruling;
    touch(lane.id, event.call);
  },
  lane_finished: (lane, event, touch) => endLane(lane, event, touch, "finished"),
  lane_failed: (lane, event, touch) => endLane(lane, event, touch, "failed"),
  lane_cancelled: (lane, event, touch) => endLane(lane, event, touch, "cancelled"),
};
