// Keyboard shortcuts: one table, acted on and shown from here.

import { h } from "./dom.js";
import { sheet } from "./dialogs.js";

export const KEYS = [
  ["Everywhere", [["?", "help", "This list"], ["n", "new", "New session"], ["[", "previous", "Session before"], ["]", "next", "Session after"], ["t", "theme", "Colours"]]],
  ["Picture", [["1", "compare", "Compare"], ["2", "side", "Side by side"], ["3", "result", "Result only"], ["4", "overlay", "Overlay"], ["5", "grid", "Two by two"], ["x", "swap", "Swap input and result"], ["b", "boxes", "Boxes always shown"], ["f", "full", "Whole screen"]]],
  ["Session", [["s", "snapshot", "Save a picture"], ["r", "record", "Record on or off"], [" ", "pause", "Pause or go on"], ["p", "pin", "Keep running without this page"], ["z", "zone", "Draw a zone that is always hidden"]]],
];

const FURTHER = [
  ["← →", "move the divider, a slider or the chosen corner of a zone"],
  ["Enter", "remove or keep the chosen object; close a zone"],
  ["Delete", "remove the chosen corner; with Shift the zone"],
  ["Backspace", "take the last corner back"],
  ["Esc", "leave a tool or a sheet"],
];

function written(key) {
  return key === " " ? "Space" : key;
}

/** Typing, or a control that has its own use for the key. */
function taken(target, key) {
  if (!(target instanceof Element)) return false;
  if (target.closest("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]")) return true;
  return key === " " && Boolean(target.closest("button, summary, a, input, [role=slider], [role=tab]"));
}

/** `act(name)` says whether there was something to do. */
export function listen(act) {
  const names = new Map(KEYS.flatMap(([, rows]) => rows.map(([key, name]) => [key, name])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    const name = names.get(event.key);
    if (!name || taken(event.target, event.key) || document.querySelector("dialog[open]")) return;
    if (act(name)) event.preventDefault();
  });
}

export function showKeys() {
  const group = (heading, rows) =>
    h("section", { class: "keys-group" }, h("h3", {}, heading), h("dl", {}, ...rows.map(([key, words]) => h("div", {}, h("dt", {}, h("kbd", {}, written(key))), h("dd", {}, words)))));
  sheet(
    "Keyboard",
    h("div", { class: "keys" }, ...KEYS.map(([heading, rows]) => group(heading, rows.map(([key, , words]) => [key, words]))), group("In the picture", FURTHER)),
  );
}
