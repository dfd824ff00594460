// @ts-check
// Where a replay is: a position that moves at a speed while it plays. Pure: told the time, it asks for none.

/** Longest step, in ms: a page that was hidden plays on from where it was. */
const LONGEST_STEP_MS = 250;

/** Make a clock that stands at the end. @param {number} length ms */
export function newClock(length) {
  let position = length;
  let speed = 1;
  /** @type {number | null} when it was last told the time; null while it stands */
  let last = null;

  return {
    position: () => position,
    isPlaying: () => last !== null,
    /** @param {number} next ms; beyond the ends means at them */
    seek(next) {
      position = Math.min(length, Math.max(0, next));
    },
    /** Play on; from the end, from the begin. @param {number} now ms */
    play(now) {
      if (position >= length) position = 0;
      last = now;
    },
    pause() {
      last = null;
    },
    /** @param {number} factor */
    setSpeed(factor) {
      speed = factor;
    },
    /** Move on, and return where it is now. @param {number} now ms @param {number} [longest] ms */
    tick(now, longest = LONGEST_STEP_MS) {
      if (last === null) return position;
      position = Math.min(length, position + speed * Math.min(longest, Math.max(0, now - last)));
      last = position < length ? now : null;
      return position;
    },
  };
}
