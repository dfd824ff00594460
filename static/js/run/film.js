// @ts-check
// A run that is over as a film: its facts, each when it fell due, and its texts as they grew. Pure.

import { identify } from "./reduce.js";

/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/** @typedef {import("../types/events.d.ts").TextDelta} TextDelta */
/** @template {RunEvent["kind"]} K @typedef {Extract<RunEvent, {kind: K}>} Of */
/** @typedef {Of<"call_finished" | "call_failed" | "call_cancelled">} CallEnd */
/** @typedef {Exclude<RunEvent, TextDelta>} Fact */
/** A fact and the ms since the run began at which it shows. @typedef {{at: number, fact: Fact}} Due */
/** A text that grows: when its first word came, and how many characters of thinking and answer there are at a moment. @typedef {{from: number, first: number, to: number, end: CallEnd, length: (at: number) => number}} Writing */
/** A time in which nothing happened, in ms of the run: shown as one of SHORT_MS. @typedef {{from: number, to: number}} Pause */
/**
 * Times of the run are `at`, those of the film `position`; both in ms, and the same but for pauses and the begin.
 * `between(from, to)` gives what happened after position `from` until `to`; a `from` below 0 means all from the begin.
 * `tokens` is what a race counts by; null: the film shows all lanes at the same time.
 * @typedef {{length: number, dues: readonly Due[], writings: readonly Writing[], isEven: boolean, hasPauses: boolean,
 *   between: (from: number, to: number) => RunEvent[], toRun: (position: number, lane?: number) => number, toFilm: (at: number, lane: number) => number,
 *   tokens: ((position: number) => number) | null}} Film
 */

const LONG_MS = 5000;
const SHORT_MS = 1000;

/** Make a film of everything that was heard of a run. @param {readonly RunEvent[]} events as they were stored; repeats count once @returns {Film} */
export function newFilm(events) {
  const dues = putInTime(events);
  const writings = findWritings(dues);
  const begin = dues[0]?.at ?? 0;
  const end = Math.max(begin, ...dues.map((due) => due.at));
  const pauses = findPauses(dues, writings);
  const cut = (/** @type {Pause} */ { from, to }) => to - from - SHORT_MS;

  /** @param {number} at */
  function toFilm(at) {
    const lost = pauses.reduce((sum, pause) => sum + Math.min(cut(pause), Math.max(0, at - pause.from - SHORT_MS)), 0);
    return Math.max(0, at - begin - lost);
  }

  /** @param {number} position */
  function toRun(position) {
    return pauses.reduce((at, pause) => (at > pause.from + SHORT_MS ? at + cut(pause) : at), begin + position);
  }

  const between = (/** @type {number} */ from, /** @type {number} */ to) => happen({ dues, writings }, from < 0 ? -1 : toRun(from), toRun(to));
  const isEven = writings.some(({ end: last }) => last.kind !== "call_finished" && last.text + last.thinking !== "");
  return { length: toFilm(end), dues, writings, isEven, hasPauses: pauses.length > 0, between, toRun, toFilm, tokens: null };
}

/**
 * Return what happened after one moment of the run until another, in ms; texts that are still open grow by deltas.
 * @param {{dues: readonly Due[], writings: readonly Writing[]}} scene @param {number} before @param {number} now @returns {RunEvent[]}
 */
export function happen({ dues, writings }, before, now) {
  const facts = dues.slice(firstAfter(dues, before), firstAfter(dues, now)).map((due) => due.fact);
  const open = writings.filter((writing) => writing.from <= now && writing.to > now);
  return [...facts, ...open.flatMap((writing) => grow(writing, before, now))];
}

/**
 * Return facts by the time they fall due. A lane's keep their order, for what one was stored after another shows no
 * earlier; clocks of two workers may disagree, and a fact about the past may come late.
 * @param {readonly RunEvent[]} events @returns {Due[]}
 */
function putInTime(events) {
  /** @type {Map<number, number>} */
  const last = new Map();
  /** @type {Set<string>} */
  const seen = new Set();
  /** @type {Due[]} */
  const dues = [];
  let ending = null;
  for (const fact of events) {
    if (fact.kind === "run_ended") ending = fact; // a run that was continued ends once more
    if (fact.kind === "text_delta" || fact.kind === "run_ended") continue;
    const name = `${fact.lane} ${identify(fact)}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const at = Math.max(last.get(fact.lane) ?? 0, fact.at);
    last.set(fact.lane, at);
    dues.push({ at, fact });
  }
  dues.sort((one, other) => one.at - other.at); // stable
  if (ending) dues.push({ at: dues.at(-1)?.at ?? 0, fact: ending }); // other lanes of the run may have gone on long after
  return dues;
}

/** @param {readonly Due[]} dues @returns {Writing[]} in order of begin */
function findWritings(dues) {
  /** @type {Map<string, number>} when a call's last attempt began */
  const begun = new Map();
  /** @type {Writing[]} */
  const found = [];
  for (const { at, fact } of dues) {
    const key = "call" in fact ? `${fact.lane} ${fact.call}` : "";
    if (fact.kind === "call_started" || fact.kind === "call_restarted") begun.set(key, at);
    if (fact.kind === "lane_resumed") for (const open of begun.keys()) if (open.startsWith(`${fact.lane} `)) begun.set(open, at);
    if (fact.kind !== "call_finished" && fact.kind !== "call_failed" && fact.kind !== "call_cancelled") continue;
    const from = begun.get(key);
    if (from !== undefined) found.push({ from, to: at, end: fact, ...(fact.kind === "call_finished" && fact.marks.length ? { first: fact.first_token_at ?? from, length: markedLength(fact) } : { first: from, length: evenLength(fact, from, at) }) });
    begun.delete(key);
  }
  return found.sort((one, other) => one.from - other.from);
}

/** Return how a text grew by its marks, which count characters where JavaScript counts UTF-16 units. @param {Of<"call_finished">} end */
function markedLength({ text, thinking, marks, first_token_at: first }) {
  const begin = (first ?? 0) - marks[0][0]; // marks count from the attempt that was sent
  const whole = thinking + text;
  let [units, characters] = [0, 0];
  const places = marks.map(([ms, count]) => {
    for (; characters < count && units < whole.length; characters += 1) units += (whole.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
    return { at: begin + ms, units };
  });
  return (/** @type {number} */ at) => places[firstAfter(places, at) - 1]?.units ?? 0;
}

/** Return how a text grew of which only begin and end are known: evenly. @param {CallEnd} end @param {number} from @param {number} to */
function evenLength({ text, thinking }, from, to) {
  const whole = thinking + text;
  return (/** @type {number} */ at) => {
    const units = Math.floor((whole.length * Math.min(1, Math.max(0, at - from) / Math.max(1, to - from))));
    return units - ((whole.charCodeAt(units - 1) & 0xfc00) === 0xd800 ? 1 : 0); // no half characters
  };
}

/** Return what a text has more at one time than at another. @param {Writing} writing @param {number} before @param {number} now @returns {TextDelta[]} */
function grow({ end, from, length }, before, now) {
  const [known, next] = [before < from ? 0 : length(before), length(now)];
  if (next <= known) return [];
  const { lane, call, thinking, text, usage } = end;
  const tokens = Math.round((usage.completion_tokens * next) / Math.max(1, thinking.length + text.length));
  const part = (/** @type {TextDelta["channel"]} */ channel, /** @type {string} */ whole, /** @type {number} */ skip) => {
    const [start, stop] = [known - skip, next - skip].map((place) => Math.min(whole.length, Math.max(0, place)));
    return { kind: /** @type {const} */ ("text_delta"), lane, call, channel, at: now, start, text: whole.slice(start, stop), tokens };
  };
  return [part("thinking", thinking, 0), part("answer", text, thinking.length)].filter((delta) => delta.text !== "");
}

/** Return when nothing happened for long: no call was open, and no fact fell due. @param {readonly Due[]} dues @param {readonly Writing[]} writings @returns {Pause[]} */
function findPauses(dues, writings) {
  const busy = [...dues.map(({ at }) => ({ from: at, to: at })), ...writings].sort((one, other) => one.from - other.from);
  const pauses = [];
  let until = busy[0]?.from ?? 0;
  for (const { from, to } of busy) {
    if (from - until > LONG_MS) pauses.push({ from: until, to: from });
    until = Math.max(until, to);
  }
  return pauses;
}

/** Return the place of the first item that is later than `at`. @param {readonly {at: number}[]} items by time @param {number} at */
export function firstAfter(items, at) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].at > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
