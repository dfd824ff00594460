// @ts-check
// Where a viewer is in a run's log. Pure: frames in, the listener told, and whether each joined on to the one before.

/** @typedef {import("../types/state.d.ts").Frame} Frame */
/** @typedef {import("../types/state.d.ts").Snapshot} Snapshot */
/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/**
 * `replace` starts over from a snapshot, `extend` adds events and returns false if they do not join on.
 * @typedef {{replace: (snapshot: Snapshot) => void, extend: (events: RunEvent[]) => boolean}} Reader
 */

const NOWHERE = -1;

/** Begin nowhere: what comes first must be a snapshot. @param {Reader} reader */
export function newPlace(reader) {
  let cursor = NOWHERE;
  let epoch = "";

  /** Give a frame to the reader. @param {Frame} frame @returns {boolean} false at a hole; then only a snapshot helps */
  function take(frame) {
    const isWhole = frame.snapshot ? startOver(/** @type {Snapshot} */ (frame)) : !frame.events || goOn(frame, frame.events);
    if (!isWhole) cursor = NOWHERE;
    return isWhole;
  }

  /** @param {Snapshot} snapshot */
  function startOver(snapshot) {
    ({ cursor, epoch } = snapshot);
    reader.replace(snapshot);
    return true;
  }

  /** @param {Frame} frame @param {RunEvent[]} events */
  function goOn(frame, events) {
    if (frame.prev !== cursor || frame.epoch !== epoch) return false;
    cursor = frame.cursor ?? cursor;
    return reader.extend(events);
  }

  return {
    take,
    /** Return what to ask for to go on from here; from nowhere, a snapshot. @param {string} query what part of the run */
    query(query) {
      const parts = new URLSearchParams(query);
      if (cursor !== NOWHERE) {
        parts.set("after", String(cursor));
        parts.set("epoch", epoch);
      }
      return parts.toString();
    },
  };
}
