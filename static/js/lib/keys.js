// @ts-check
// Keyboard shortcuts. Typing is never taken away from a field, nor a chord from the browser.

/** Say whether keys belong to the element that has focus. @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/**
 * Call the action of a key. An action that returns false leaves the key to the browser.
 * "mod+Enter" is ⌘ on a Mac and Ctrl elsewhere.
 * @param {Record<string, (event: KeyboardEvent) => boolean | void>} actions
 */
export function bindKeys(actions) {
  document.addEventListener("keydown", (event) => {
    const isChord = event.ctrlKey || event.metaKey;
    const action = actions[isChord ? `mod+${event.key}` : event.key];
    if (!action || event.altKey || event.isComposing || event.repeat || (isTyping(event.target) && !isChord)) return;
    if (action(event) !== false) event.preventDefault();
  });
}
