// @ts-check
// The replay of a run that is over: its bar, its keys, its place in the address. What it shows, the page shows as ever.

import { byId, el, setAttribute, setProperty, setText, svg, watchWidth } from "../lib/dom.js";
import { clock as asClock } from "../lib/format.js";
import { newClock } from "./clock.js";
import { findMarks, placeLabels, spoken, stepTo } from "./marks.js";

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
  const root = byId("replay");
  const play = byId("replay-play");
  const range = /** @type {HTMLInputElement} */ (byId("replay-range"));
  const speed = /** @type {HTMLSelectElement} */ (byId("replay-speed"));
  const layer = byId("replay-marks");
  const width = watchWidth(layer, drawMarks);
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

  /** Offer a film, at the moment that the address names when it is the first. @param {Film} next */
  function load(next) {
    if (shown !== Infinity) return; // somebody watches already
    const asked = film ? null : askedPosition();
    film = next;
    clock = newClock(film.length);
    clock.setSpeed(Number(speed.value));
    marks = findMarks(film, lanes);
    range.max = String(film.length);
    root.hidden = false;
    drawMarks();
    if (asked === null) paint();
    else seek(asked);
  }

  /** Take the film away: the run goes on. */
  function unload() {
    clock.pause();
    film = null;
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
    stage.say(`Replay stopped at ${asClock(clock.position())}.`);
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
    const label = clock.isPlaying() ? "Stop the replay" : "Play the replay";
    setAttribute(play, "aria-label", label);
    setAttribute(play, "data-playing", clock.isPlaying() ? "" : null);
    setText(byId("replay-at"), asClock(position));
    setText(byId("replay-length"), asClock(film.length));
    range.value = String(position);
    setAttribute(range, "aria-valuetext", `${spoken(position)} of ${spoken(film.length)}`);
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
    const url = new URL(location.href);
    if (shown === Infinity || clock.isPlaying()) url.searchParams.delete("at");
    else url.searchParams.set("at", (shown / 1000).toFixed(1));
    history.replaceState(null, "", url);
  }

  /** Return the moment that is shown, in ms since the run began; null: the run as it is. */
  function at() {
    return film && shown !== Infinity ? film.toRun(shown) : null;
  }

  return { load, unload, toggle, step, advance, at, isOffered: () => film !== null };
}

/** @param {Film} film @param {readonly Mark[]} marks @param {number} width px */
function markNodes({ length, toFilm, writings }, marks, width) {
  const x = (/** @type {number} */ position) => (1000 * position) / Math.max(1, length);
  const calls = svg("path", { d: writings.map((writing) => `M${x(toFilm(writing.to)).toFixed(1)} 0V1`).join("") });
  const ticks = marks.map((mark) => {
    const tick = el("i");
    tick.style.setProperty("--p", `${(x(mark.position) / 10).toFixed(2)}%`);
    return tick;
  });
  const labels = placeLabels(marks, length, width).map(({ mark, left }) => {
    const label = el("span", { class: "replay__label" }, mark.label);
    label.style.setProperty("--left", `${left.toFixed(0)}px`);
    return label;
  });
  return [svg("svg", { viewBox: "0 0 1000 1", preserveAspectRatio: "none" }, calls), ...ticks, ...labels];
}

/** Return the position that the address names, in ms, or null. */
function askedPosition() {
  const text = new URLSearchParams(location.search).get("at");
  return text && /^\d{1,7}(\.\d+)?$/.test(text) ? Number(text) * 1000 : null;
}
