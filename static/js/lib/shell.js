// @ts-check
// The bar of every page: theme and phone menu. A classic script in the head, so the theme is set before the first paint.

(() => {
  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;

  /** Return the chosen theme; storage may be forbidden, then it is the system's. */
  function readTheme() {
    try {
      return localStorage.getItem("theme") ?? "system";
    } catch {
      return "system";
    }
  }

  /** Show a theme; "system" removes the override. @param {string} theme */
  function applyTheme(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }

  /** Write the theme on its button. @param {Element} button @param {string} theme */
  function labelToggle(button, theme) {
    button.setAttribute("aria-label", `Theme: ${theme}`);
    button.setAttribute("title", `Theme: ${theme}`);
    button.querySelector("use")?.setAttribute("href", `#icon-${theme}`);
  }

  /** @param {Element} button */
  function nextTheme(button) {
    const theme = THEMES[(THEMES.indexOf(readTheme()) + 1) % THEMES.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // forbidden storage: the choice lasts for this page
    }
    applyTheme(theme);
    labelToggle(button, theme);
  }

  /** @param {Element} button */
  function toggleMenu(button) {
    const isOpen = document.getElementById("app-bar")?.toggleAttribute("data-open") ?? false;
    button.setAttribute("aria-expanded", String(isOpen));
  }

  applyTheme(readTheme());
  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.querySelector("[data-theme-toggle]");
    if (toggle) labelToggle(toggle, readTheme());
    toggle?.addEventListener("click", () => nextTheme(toggle));
    const menu = document.querySelector("[data-menu-toggle]");
    menu?.addEventListener("click", () => toggleMenu(menu));
  });
})();
