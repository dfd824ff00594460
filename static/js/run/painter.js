// @ts-check
// The only requestAnimationFrame of the page: once per frame, what was touched and can be seen; numbers four times a second.

const NUMBERS_MS = 250;

/**
 * @param {{paintLane: (lane: number, touched: Set<string>) => void, isVisible: (lane: number) => boolean, paintNumbers: () => void}} work
 */
export function newPainter(work) {
  /** @type {Map<number, Set<string>>} */
  const touched = new Map();
  let isAsked = false;

  function paint() {
    isAsked = false;
    for (const [lane, what] of touched) {
      if (!work.isVisible(lane)) continue; // kept until it can be seen
      touched.delete(lane);
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

  const timer = setInterval(() => {
    if (!document.hidden) work.paintNumbers();
  }, NUMBERS_MS);

  return { touch, ask, stop: () => clearInterval(timer) };
}
