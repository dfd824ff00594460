// @ts-check
// A worked example as a film: its events, which all happened at once, stretched to a pace at which people read. Pure.

/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/** @template {RunEvent["kind"]} K @typedef {Extract<RunEvent, {kind: K}>} Of */

const WORDS_PER_SECOND = 14;
const FIRST_WORD_MS = 250;
const PAUSE_MS = 400;

/**
 * Return the events in the order in which they fall due, `at` in ms. A call writes its words one by one from its start;
 * what happened after another event of the play happens after it in the film.
 * @param {readonly RunEvent[]} events of a play, in order @returns {RunEvent[]}
 */
export function stretch(events) {
  const finished = new Map(events.filter((event) => event.kind === "call_finished").map((event) => [event.call, event]));
  /** @type {Map<string, number>} */
  const ends = new Map();
  /** @type {RunEvent[]} */
  const film = [];
  let now = 0;
  for (const event of events) {
    if (event.kind === "text_delta") continue;
    if (event.kind === "call_finished") now = Math.max(now, ends.get(event.call) ?? now);
    if (event.kind === "round_opened" && film.length > 1) now += PAUSE_MS;
    film.push({ ...event, at: now, ...(event.kind === "lane_finished" ? { seconds: now / 1000 } : {}) });
    const whole = event.kind === "call_started" ? finished.get(event.call) : undefined;
    if (whole) {
      const deltas = write(whole, now + FIRST_WORD_MS);
      film.push(...deltas);
      ends.set(whole.call, deltas.at(-1)?.at ?? now + FIRST_WORD_MS);
    }
  }
  return film.sort((one, other) => one.at - other.at); // stable: what falls due together keeps its order
}

/** Cut a finished text into its words. @param {Of<"call_finished">} call @param {number} from ms @returns {Of<"text_delta">[]} */
function write({ lane, call, text, usage }, from) {
  const words = text.match(/\s*\S+(?:\s+$)?/g) ?? [];
  let start = 0;
  return words.map((word, place) => {
    start += word.length;
    const tokens = Math.round(((place + 1) / words.length) * usage.completion_tokens);
    return { lane, call, kind: "text_delta", channel: "answer", at: from + (place * 1000) / WORDS_PER_SECOND, start: start - word.length, text: word, tokens };
  });
}
