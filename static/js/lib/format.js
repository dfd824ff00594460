// @ts-check
// Numbers as people read them. Pure.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 12345 → "12,345" @param {number} value */
export const full = (value) => whole.format(value);

/** 12345 → "12.3k", for cards and dense tables @param {number} value */
export function short(value) {
  if (value < 1000) return String(Math.round(value));
  if (value < 99_950) return `${(value / 1000).toFixed(1)}k`;
  if (value < 999_500) return `${Math.round(value / 1000)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** 0.8214 → "0.82", 12.34 → "12.3", 1234.5 → "1,235"; two or three digits, for values on no known scale @param {number} value */
export function figure(value) {
  const size = Math.abs(value);
  if (size >= 100_000) return short(value);
  if (size < 0.1) return String(Number(value.toPrecision(2)));
  return size >= 100 || Number.isInteger(value) ? full(value) : value.toFixed(size >= 10 ? 1 : 2);
}

/** 107000 → "1:47" @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** 210 → "0.21 s" @param {number} ms */
export const seconds = (ms) => (ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(0)} s`);

/** Return the smallest of 1, 2, 5 times a power of ten that is at least `value`. @param {number} value */
export function niceCeiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * /** @type {number} */ ([1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-9)));
}

/** 1, "lane" → "1 lane"; 2 → "2 lanes" @param {number} count @param {string} noun */
export const plural = (count, noun) => `${full(count)} ${noun}${count === 1 ? "" : "s"}`;

/** "draft" → "Draft" @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");
