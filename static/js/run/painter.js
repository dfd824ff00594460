// @ts-check
// The only requestAnimationFrame of the page: once per frame, what was touched and can be seen; numbers four times a second.

const NUMBERS_MS = 250;
/** Cards painted in one frame, about; the rest follow in the next. One frame of events touches every streaming card. */
const MOST_PER_FRAME = 16;
/** A lane in which several cards change is painted ten times a second: nobody reads several tails any faster. */
const REST_MS = 100;

/**
 * @param {{advance: (now: number) => boolean, paintLane: (lane: number, touched: Set<string>) => void, isVisible: (lane: number) => boolean,
 *   paintNumbers: (part: number) => void, parts: number}} work `advance` is told of every frame while it says yes; `paintNumbers` paints one of the page's parts; each has its turn four times a second, and never all in one frame
 */
export function newPainter(work) {
  /** @type {Map<number, Set<string>>} */
  const touched = new Map();
  /** @type {Map<number, number>} */
  const paintedAt = new Map();
  let isAsked = false;

  /** @param {number} now */
  function paint(now) {
    isAsked = false;
    if (work.advance(now)) ask();
    let room = MOST_PER_FRAME;
    for (const [lane, what] of touched) {
      if (!work.isVisible(lane)) continue; // kept until it can be seen
      const isEarly = what.size > 1 && now - (paintedAt.get(lane) ?? -Infinity) < REST_MS;
      if (isEarly || room <= 0) {
        ask();
        continue;
      }
      room -= what.size;
      touched.delete(lane);
      paintedAt.set(lane, now);
      work.paintLane(lane, what);
    }
  }

  /** Paint soon. */
  function ask() {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(paint);
  }

  /** @param {number} lane @param {string} what "head", "body" or a call's key */
  function touch(lane, what) {
    const known = touched.get(lane);
    if (known) known.add(what);
    else touched.set(lane, new Set([what]));
    ask();
  }

  let part = 0;
  const timer = setInterval(() => {
    if (!document.hidden) work.paintNumbers(part);
    part = (part + 1) % work.parts;
  }, NUMBERS_MS / work.parts);

  return { touch, ask, stop: () => clearInterval(timer) };
}
