// @ts-check
// What a lane costs, from its calls alone: the same rule as workers/core/ledger.py, checked on the same cases.

/** @typedef {import("../types/events.d.ts").Ledger} Ledger */
/** @typedef {import("../types/events.d.ts").Usage} Usage */
/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/**
 * One call, as far as its cost goes. `isWasted`: failed, cancelled, or a solution that was cut off or has no answer.
 * @typedef {{key: string, after: readonly string[], usage: Usage, state: string, isWasted: boolean, retries: number,
 *   abandonedTokens: number, abandonedPromptTokens: number}} Spent
 */

/** @param {Usage} usage */
const total = (usage) => usage.prompt_tokens + usage.completion_tokens;

/** @param {Spent} call */
const givenUp = (call) => call.abandonedTokens + call.abandonedPromptTokens;

/** @template T @param {readonly T[]} items @param {(item: T) => number} value */
const sum = (items, value) => items.reduce((all, item) => all + value(item), 0);

const SOLUTION_ROLES = new Set(["draft", "refine"]);

/** Return a lane's ledger: the worker's own once the lane has ended, until then our sum. @param {Lane} lane @returns {Ledger} */
export function liveLedger(lane) {
  return lane.ending?.ledger ?? sumUp(spentBy([...lane.calls.values()]));
}

/**
 * Return what calls have cost so far. The server counts a prompt when the call ends; until then it is known only if
 * another call has sent the same one.
 * @param {readonly Call[]} calls @returns {Spent[]}
 */
export function spentBy(calls) {
  const prompts = new Map(calls.filter((call) => call.usage).map((call) => [call.prompt, call.usage?.prompt_tokens ?? 0]));
  return calls.map((call) => ({
    key: call.key,
    after: call.after,
    usage: call.usage ?? { prompt_tokens: call.tokens ? (prompts.get(call.prompt) ?? 0) : 0, completion_tokens: call.tokens, reasoning_tokens: 0, cached_tokens: 0 },
    state: call.state,
    isWasted: isWasted(call),
    retries: call.retries,
    abandonedTokens: call.abandonedTokens,
    abandonedPromptTokens: call.abandonedPromptTokens,
  }));
}

/** @param {Call} call */
function isWasted(call) {
  if (call.state !== "done") return call.state !== "running";
  return SOLUTION_ROLES.has(call.role) && (call.finishReason === "length" || call.answer === null);
}

/** Compute a lane's ledger. @param {readonly Spent[]} calls in order of start @returns {Ledger} */
export function sumUp(calls) {
  const path = findCriticalPath(calls);
  const onPath = new Set(path);
  return {
    prompt_tokens: sum(calls, (call) => call.usage.prompt_tokens + call.abandonedPromptTokens),
    completion_tokens: sum(calls, (call) => call.usage.completion_tokens + call.abandonedTokens),
    reasoning_tokens: sum(calls, (call) => call.usage.reasoning_tokens),
    cached_tokens: sum(calls, (call) => call.usage.cached_tokens),
    total_tokens: sum(calls, (call) => total(call.usage) + givenUp(call)),
    critical_path_tokens: sum(calls, (call) => (onPath.has(call.key) ? total(call.usage) : 0)),
    critical_path: path,
    calls: calls.length,
    depth: Math.max(0, ...depths(calls).values()),
    peak_context: calls.reduce((most, call) => Math.max(most, total(call.usage)), 0),
    wasted_tokens: sum(calls, (call) => givenUp(call) + (call.isWasted ? total(call.usage) : 0)),
    failed_calls: calls.filter((call) => call.state === "failed").length,
    retries: sum(calls, (call) => call.retries),
  };
}

/**
 * Return the keys of the chain with the most tokens, first to last; ties go to the earlier call.
 * @param {readonly Spent[]} calls in order of start, so what a call waited for comes before it
 */
export function findCriticalPath(calls) {
  /** @type {Map<string, number>} */
  const tokens = new Map();
  /** @type {Map<string, string | null>} */
  const before = new Map();
  for (const call of calls) {
    const longest = heaviest(call.after.filter((key) => tokens.has(key)), tokens);
    before.set(call.key, longest);
    tokens.set(call.key, total(call.usage) + (longest === null ? 0 : /** @type {number} */ (tokens.get(longest))));
  }
  const path = [];
  for (let key = heaviest([...tokens.keys()], tokens); key; key = before.get(key) ?? null) path.push(key);
  return path.reverse();
}

/** @param {readonly string[]} keys @param {Map<string, number>} tokens @returns {string | null} the first of the largest */
function heaviest(keys, tokens) {
  /** @type {string | null} */
  let best = null;
  for (const key of keys) {
    if (best === null || (tokens.get(key) ?? 0) > (tokens.get(best) ?? 0)) best = key;
  }
  return best;
}

/** Return for every call how many calls end with it in the longest chain. @param {readonly Spent[]} calls */
function depths(calls) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const call of calls) {
    const above = call.after.map((key) => found.get(key) ?? 0);
    found.set(call.key, 1 + Math.max(0, ...above));
  }
  return found;
}
