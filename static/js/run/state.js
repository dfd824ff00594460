// @ts-check
// What is known of a run, before anything has happened. Pure.

/** @typedef {import("../types/events.d.ts").CallStarted} CallStarted */
/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").Run} Run */

/** Return a run in which nothing has happened. @param {readonly number[]} laneIds @returns {Run} */
export function newRun(laneIds) {
  return { status: "queued", lanes: new Map(laneIds.map((id) => [id, newLane(id)])) };
}

/** @param {number} id @returns {Lane} */
function newLane(id) {
  return {
    id,
    state: "queued",
    startedAt: null,
    seen: new Set(),
    resumed: [],
    rounds: new Map(),
    calls: new Map(),
    workspaces: new Map(),
    votes: new Map(),
    voteRows: new Map(),
    nodes: new Map(),
    statistics: new Map(),
    tools: [],
    notes: [],
    answer: null,
    verdict: null,
    ending: null,
  };
}

/** Return a call that has written nothing. @param {CallStarted} event @returns {Call} */
export function newCall(event) {
  return {
    key: event.call,
    round: event.round,
    role: event.role,
    prompt: event.prompt,
    seed: event.seed,
    maxTokens: event.max_tokens,
    after: event.after,
    thread: event.thread ?? "", // facts of older runs have none
    model: event.model ?? "",
    state: "running",
    startedAt: event.at,
    endedAt: null,
    voidBefore: 0,
    text: "",
    thinking: "",
    tokens: 0,
    answer: null,
    finishReason: null,
    usage: null,
    firstTokenAt: null,
    retries: 0,
    abandonedTokens: 0,
    abandonedPromptTokens: 0,
    isEstimate: false,
    error: "",
    ruling: null,
    scores: new Map(),
    odds: null,
  };
}
