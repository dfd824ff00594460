// @ts-check
// The moment of a replay that the address names, so that it can be shared: seconds, or tokens of a race.

/** @typedef {{by: string, at: string}} Moment */

const AXES = ["time", "critical", "total"];

/** Return the moment in the address, or null where it names none. @returns {Moment | null} */
export function readMoment() {
  const asked = new URLSearchParams(location.search);
  const moment = { by: asked.get("by") ?? "time", at: asked.get("at") ?? "" };
  return AXES.includes(moment.by) && /^\d{1,9}(\.\d+)?$/.test(moment.at) ? moment : null;
}

/** Name a moment in the address, or none. @param {Moment | null} moment */
export function writeMoment(moment) {
  const url = new URL(location.href);
  for (const name of ["by", "at"]) url.searchParams.delete(name);
  if (moment && moment.by !== "time") url.searchParams.set("by", moment.by);
  if (moment) url.searchParams.set("at", moment.at);
  history.replaceState(null, "", url);
}
