// @ts-check
// The replay of a run that is over: its bar, its keys, its place in the address. What it shows, the page shows as ever.

import { byId, setAttribute, setProperty, setText, watchWidth } from "../lib/dom.js";
import { newClock } from "./clock.js";
import { findMarks, labelOf, spoken, stepTo } from "./marks.js";
import { readMoment, writeMoment } from "./moment.js";
import { newRace } from "./race.js";
import { markNodes } from "./track.js";

/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {import("./film.js").Film} Film */
/** @typedef {import("./marks.js").Mark} Mark */
/**
 * Shows a moment of the film: `begin` from nothing, `extend` from what is shown, `finish` the whole run as it is.
 * `say` tells something aloud, `wake` asks for frames.
 * @typedef {{begin: (events: RunEvent[]) => void, extend: (events: RunEvent[]) => void, finish: () => void, wake: () => void, say: (text: string) => void}} Stage
 */

const KEY_MS = 1000;
/** With motion reduced a replay moves in steps. */
const STILL_MS = 1000;
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {readonly LaneFacts[]} lanes @param {Stage} stage */
export function newReplay(lanes, stage) {
  const { root, play, range, speed, by, layer } = findBar();
  const width = watchWidth(layer, drawMarks);
  /** The film by time, and the one that is shown: that, or a race. @type {Film | null} */
  let whole = null;
  /** @type {Film | null} */
  let film = null;
  /** @type {Mark[]} */
  let marks = [];
  let clock = newClock(0);
  /** What is shown: a position, or the end. */
  let shown = Infinity;
  let movedAt = 0;

  play.addEventListener("click", toggle);
  range.addEventListener("input", () => seek(Number(range.value)));
  range.addEventListener("change", writeAddress);
  range.addEventListener("keydown", (event) => keyOnRange(event.key) && event.preventDefault());
  speed.addEventListener("change", () => clock.setSpeed(Number(speed.value)));
  by.addEventListener("change", changeAxis);

  /** Offer a film, at the moment that the address names when it is the first. @param {Film} next */
  function load(next) {
    if (shown !== Infinity) return; // somebody watches already
    const asked = whole ? null : readMoment();
    whole = next;
    root.hidden = false;
    by.hidden = lanes.length < 2;
    if (asked) by.value = asked.by;
    const one = putIn(whole);
    if (asked) seek(Number(asked.at) * (one.tokens ? one.length / Math.max(1, one.tokens(one.length)) : 1000));
    else paint();
  }

  /** Put the film in, or the race that was chosen. @param {Film} next by time */
  function putIn(next) {
    const one = by.value === "time" ? next : newRace(next, by.value === "total" ? "total" : "critical");
    film = one;
    clock = newClock(one.length);
    clock.setSpeed(Number(speed.value));
    marks = findMarks(one, lanes);
    range.max = String(one.length);
    drawMarks();
    return one;
  }

  /** Count by something else, as far along as before. */
  function changeAxis() {
    if (!whole || !film) return;
    const part = shown === Infinity ? null : clock.position() / Math.max(1, film.length);
    const one = putIn(whole);
    shown = Infinity;
    if (part === null) paint();
    else seek(part * one.length);
    writeAddress();
  }

  /** Take the film away: the run goes on. */
  function unload() {
    clock.pause();
    film = whole = null;
    shown = Infinity;
    root.hidden = true;
  }

  function toggle() {
    if (!film) return;
    if (clock.isPlaying()) return stop();
    if (clock.position() >= film.length) shown = Infinity;
    clock.play(performance.now());
    movedAt = 0;
    stage.say(film.isEven ? "Replaying. When each word of a call that broke came is not stored: its text appears evenly." : "Replaying.");
    show();
    writeAddress();
  }

  function stop() {
    clock.pause();
    stage.say(`Replay stopped at ${labelOf(film, clock.position())}${film?.tokens ? " tokens" : ""}.`);
    paint();
    writeAddress();
  }

  /** @param {number} position ms */
  function seek(position) {
    clock.seek(position);
    show();
  }

  /** Move with the time of a frame; returns whether there is more to come. @param {number} now ms */
  function advance(now) {
    if (!clock.isPlaying()) return false;
    if (isStill.matches && now - movedAt < STILL_MS) return true;
    movedAt = now;
    clock.tick(now, isStill.matches ? 2 * STILL_MS : undefined);
    show();
    if (!clock.isPlaying()) stage.say("The replay has ended.");
    return clock.isPlaying();
  }

  /** Bring the page to where the clock is. */
  function show() {
    if (!film) return;
    const [before, position] = [shown, clock.position()];
    shown = position >= film.length ? Infinity : position;
    if (shown < before) stage.begin(film.between(-1, shown));
    else if (shown !== Infinity) stage.extend(film.between(before, shown));
    else if (before !== Infinity) stage.finish();
    paint();
    stage.wake();
  }

  function paint() {
    if (!film) return;
    const position = clock.position();
    setAttribute(play, "aria-label", clock.isPlaying() ? "Stop the replay" : "Play the replay");
    setAttribute(play, "data-playing", clock.isPlaying() ? "" : null);
    setText(byId("replay-at"), labelOf(film, position));
    setText(byId("replay-length"), labelOf(film, film.length));
    byId("replay-unit").hidden = !film.tokens;
    range.value = String(position);
    setAttribute(range, "aria-valuetext", film.tokens ? `${labelOf(film, position)} of ${labelOf(film, film.length)} tokens` : `${spoken(position)} of ${spoken(film.length)}`);
    setProperty(range, "--p", `${((100 * position) / Math.max(1, film.length)).toFixed(2)}%`);
  }

  function drawMarks() {
    if (film && width()) layer.replaceChildren(...markNodes(film, marks, width()));
  }

  /** @param {string} key @returns {boolean} whether it meant something */
  function keyOnRange(key) {
    const jumps = /** @type {Record<string, () => void>} */ ({
      " ": toggle,
      ArrowLeft: () => seek(clock.position() - KEY_MS),
      ArrowRight: () => seek(clock.position() + KEY_MS),
      PageUp: () => step(1),
      PageDown: () => step(-1),
    });
    jumps[key]?.();
    return key in jumps;
  }

  /** Go to the mark before or behind. @param {number} by */
  function step(by) {
    if (!film) return;
    seek(stepTo(marks, clock.position(), film.length, by));
    writeAddress();
  }

  /** Let the address, and so a shared link, name the moment where the replay stands. */
  function writeAddress() {
    if (!film || shown === Infinity || clock.isPlaying()) writeMoment(null);
    else writeMoment({ by: by.value, at: film.tokens ? String(film.tokens(shown)) : (shown / 1000).toFixed(1) });
  }

  /** Return the moment that is shown of a lane, or of all, in ms since the run began; null: the run as it is. @param {number} [lane] */
  function at(lane) {
    return film && shown !== Infinity ? film.toRun(shown, lane) : null;
  }

  return { load, unload, toggle, step, advance, at, isOffered: () => film !== null };
}

function findBar() {
  return {
    root: byId("replay"),
    play: byId("replay-play"),
    range: /** @type {HTMLInputElement} */ (byId("replay-range")),
    speed: /** @type {HTMLSelectElement} */ (byId("replay-speed")),
    by: /** @type {HTMLSelectElement} */ (byId("replay-by")),
    layer: byId("replay-marks"),
  };
}
