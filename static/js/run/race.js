// @ts-check
// A run that is over as a race: a film in which every lane has come as far as its tokens, not as its time. Pure.

import { firstAfter, happen } from "./film.js";

/** @typedef {import("../types/events.d.ts").Usage} Usage */
/** @typedef {import("./film.js").Due} Due */
/** @typedef {import("./film.js").Film} Film */
/** @typedef {import("./film.js").Writing} Writing */
/** What is counted: the tokens on the critical path, or all. @typedef {"critical" | "total"} Axis */
/** How many tokens a lane had spent at a moment, in ms of the run. @typedef {{at: number, tokens: number}} Point */
/** One lane, and its points by time: both numbers rise. @typedef {{dues: Due[], writings: Writing[], points: Point[]}} Track */

/** So often a lane is looked at, besides where calls begin to write and end. */
const LOOKS = 300;
/** The moment before another, in ms: where a call begins to write, its whole prompt is spent at once. */
const JUST = 0.001;

/**
 * Make a race of a film. Its positions are ms again, so that the longest lane takes the time that the run took.
 * @param {Film} film @param {Axis} axis @returns {Film}
 */
export function newRace(film, axis) {
  const tracks = new Map([...new Set(film.dues.map(({ fact }) => fact.lane))].filter((lane) => lane !== 0).map((lane) => [lane, newTrack(film, lane, axis)]));
  const most = Math.max(1, ...[...tracks.values()].map(({ points }) => points[points.length - 1].tokens));
  const scale = film.length / most;
  const ofRun = film.dues.filter(({ fact }) => fact.lane === 0).map(({ fact }) => fact);

  /** @param {number} position @param {Track} track */
  const momentOf = (position, track) => (position < 0 ? -1 : findMoment(track.points, position / scale));

  /** @param {number} position @param {number} [lane] none: the lane that takes longest until then */
  function toRun(position, lane) {
    const chosen = lane === undefined ? [...tracks.values()] : [/** @type {Track} */ (tracks.get(lane))];
    return Math.max(...chosen.map((track) => Math.min(momentOf(position, track), track.dues[track.dues.length - 1].at)));
  }

  return {
    ...film,
    toRun,
    toFilm: (at, lane) => (lane === 0 ? film.length : scale * countAt(/** @type {Track} */ (tracks.get(lane)).points, at)),
    between: (from, to) => [...[...tracks.values()].flatMap((track) => happen(track, momentOf(from, track), momentOf(to, track))), ...(from < film.length && to >= film.length ? ofRun : [])],
    tokens: (position) => Math.round(position / scale),
  };
}

/** @param {Film} film @param {number} lane @param {Axis} axis @returns {Track} */
function newTrack(film, lane, axis) {
  const dues = film.dues.filter(({ fact }) => fact.lane === lane);
  const writings = film.writings.filter(({ end }) => end.lane === lane);
  const count = axis === "total" ? countAll(dues, writings) : countPath(dues, writings);
  const [begin, end] = [dues[0].at, dues[dues.length - 1].at];
  const grid = Array.from({ length: LOOKS + 1 }, (_, place) => begin + ((end - begin) * place) / LOOKS);
  const jumps = [...dues.map((due) => due.at), ...writings.flatMap(({ first, to }) => [first, to])].filter((at) => at > begin);
  const moments = [...new Set([...grid, ...jumps, ...jumps.map((at) => at - JUST)])].sort((one, other) => one - other);
  return { dues, writings, points: moments.map((at) => ({ at, tokens: count(at) })) };
}

/** Count all tokens of a lane, those of attempts that were given up too. @param {Due[]} dues @param {Writing[]} writings */
function countAll(dues, writings) {
  const lost = dues.flatMap(({ at, fact }) => (fact.kind === "call_restarted" ? [{ at, tokens: fact.abandoned_tokens + fact.abandoned_prompt_tokens }] : []));
  return (/** @type {number} */ at) => lost.reduce((sum, part) => sum + (part.at <= at ? part.tokens : 0), 0) + writings.reduce((sum, writing) => sum + spentOn(writing, at), 0);
}

/** Count the tokens of the heaviest chain of calls. @param {Due[]} dues @param {Writing[]} writings */
function countPath(dues, writings) {
  const after = new Map(dues.flatMap(({ fact }) => (fact.kind === "call_started" ? [[fact.call, fact.after]] : [])));
  /** @type {Map<string, number>} by call: the heaviest chain that it ends */
  const chains = new Map();
  const before = writings.map(({ end }) => {
    const base = Math.max(0, ...(after.get(end.call) ?? []).map((key) => chains.get(key) ?? 0));
    chains.set(end.call, base + all(end.usage));
    return base;
  });
  return (/** @type {number} */ at) => writings.reduce((most, writing, place) => Math.max(most, at < writing.from ? 0 : before[place] + spentOn(writing, at)), 0);
}

/** @param {Usage} usage */
const all = (usage) => usage.prompt_tokens + usage.completion_tokens;

/** Return what a call had spent by then: its prompt from its first word on. @param {Writing} writing @param {number} at ms */
function spentOn({ from, to, end, length }, at) {
  if (at < from) return 0;
  if (at >= to) return all(end.usage);
  const written = length(at);
  return written ? end.usage.prompt_tokens + (end.usage.completion_tokens * written) / (end.thinking.length + end.text.length) : 0;
}

/** Return the last moment at which no more than so many tokens were spent; where all are, the end of time. @param {Point[]} points @param {number} tokens */
function findMoment(points, tokens) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].tokens > tokens) high = middle;
    else low = middle + 1;
  }
  if (low === points.length) return Infinity;
  if (low === 0) return points[0].at;
  const [one, next] = [points[low - 1], points[low]];
  return one.at + ((next.at - one.at) * (tokens - one.tokens)) / (next.tokens - one.tokens);
}

/** @param {Point[]} points @param {number} at ms */
function countAt(points, at) {
  const place = firstAfter(points, at);
  if (place === 0) return 0;
  const [one, next] = [points[place - 1], points[place]];
  return next ? one.tokens + ((next.tokens - one.tokens) * (at - one.at)) / (next.at - one.at) : one.tokens;
}
