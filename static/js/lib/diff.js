// @ts-check
// Word diff, pure: which words stayed, came and went from one text to the next.

/** @typedef {{kind: "same" | "added" | "removed", text: string}} Change */

/** Above this many cells the table would take too long: the middle then counts as replaced whole. */
const MOST_CELLS = 4_000_000;

/** @param {string} text @returns {string[]} words, spaces and line ends; joined they are the text again */
export const splitWords = (text) => text.match(/\n|[^\S\n]+|[^\s]+/g) ?? [];

/** Return the part of a growing text that is made of finished lines. @param {string} text */
export const finishedLines = (text) => text.slice(0, text.lastIndexOf("\n") + 1);

/**
 * Return the changes from `before` to `after`: without the removed ones they spell `after`, without the added `before`.
 * @param {string} before @param {string} after @returns {Change[]}
 */
export function diffWords(before, after) {
  const [old, fresh] = [splitWords(before), splitWords(after)];
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end += 1;
  return join([
    ...tag("same", fresh.slice(0, start)),
    ...diffMiddle(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
    ...tag("same", fresh.slice(fresh.length - end)),
  ]);
}

/** @param {Change["kind"]} kind @param {string[]} words @returns {Change[]} */
const tag = (kind, words) => words.map((text) => ({ kind, text }));

/** Longest common subsequence. @param {string[]} old @param {string[]} fresh @returns {Change[]} */
function diffMiddle(old, fresh) {
  const width = fresh.length + 1;
  if (old.length * width > MOST_CELLS) return [...tag("removed", old), ...tag("added", fresh)];
  const lengths = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      const here = i * width + j;
      lengths[here] = old[i] === fresh[j] ? lengths[here + width + 1] + 1 : Math.max(lengths[here + width], lengths[here + 1]);
    }
  }
  /** @type {Change[]} */
  const changes = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      changes.push({ kind: "same", text: fresh[j] });
      [i, j] = [i + 1, j + 1];
    } else if (i < old.length && (j === fresh.length || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
      changes.push({ kind: "removed", text: old[i++] });
    } else {
      changes.push({ kind: "added", text: fresh[j++] });
    }
  }
  return changes;
}

/** Join neighbours of one kind; a lone space between two changes belongs to them. @param {Change[]} changes */
function join(changes) {
  /** @type {Change[]} */
  const joined = [];
  for (const change of changes) {
    const last = joined.at(-1);
    if (last && last.kind === change.kind) last.text += change.text;
    else joined.push({ ...change });
  }
  return joined;
}
