// Dark, light or as the system wants it; the choice is remembered.

import { icon, iconButton } from "./dom.js";

const KEY = "cleanplate-theme";
const ORDER = ["auto", "light", "dark"];
const LOOK = { auto: ["auto", "as the system"], light: ["sun", "light"], dark: ["moon", "dark"] };
const listeners = new Set();

function present() {
  return document.documentElement.dataset.theme ?? "auto";
}

/** Call `listener` whenever colours may have changed. */
export function onTheme(listener) {
  listeners.add(listener);
}

function changed() {
  for (const listener of listeners) listener();
}

export function themeButton() {
  const button = iconButton("auto", "", next, { class: "icon-button theme" });
  function label() {
    const [picture, words] = LOOK[present()];
    button.replaceChildren(icon(picture));
    button.title = `Colours: ${words} (t)`;
    button.setAttribute("aria-label", `Colours: ${words}; change`);
  }
  function next() {
    const theme = ORDER[(ORDER.indexOf(present()) + 1) % ORDER.length];
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // a browser that keeps nothing: for this page only
    }
    label();
    changed();
  }
  label();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  return button;
}
