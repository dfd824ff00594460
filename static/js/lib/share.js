// @ts-check
// The address of the page, for others.

/** Copy the address, without its fragment; returns what to tell the reader. @param {string} use what who has the link can do */
export async function copyLink(use) {
  const link = location.origin + location.pathname + location.search;
  try {
    await navigator.clipboard.writeText(link);
    return `Link copied. ${use}`.trim();
  } catch {
    return `The link is ${link}`;
  }
}
