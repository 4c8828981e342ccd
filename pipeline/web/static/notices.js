// Short messages at the edge of the page, and words for screen readers only.

import { h, icon, iconButton } from "./dom.js";

const LASTING = 5000; // ms; what is wrong stays until it is closed
const MOST = 4;

/** `kind`: "good", "bad" or "" */
export function notice(text, kind = "") {
  const place = document.getElementById("notices");
  const twin = [...place.children].find((child) => child.dataset.text === text);
  if (twin) twin.remove();
  const box = h(
    "div",
    { class: `notice ${kind}`, data: { text } },
    icon(kind === "bad" ? "warn" : "check"),
    h("span", { class: "notice-text" }, text),
    iconButton("close", "Close this message", () => box.remove()),
  );
  place.append(box);
  while (place.children.length > MOST) place.firstElementChild.remove();
  if (kind !== "bad") setTimeout(() => box.remove(), LASTING);
}

export function complain(error) {
  notice(sentence(error instanceof Error ? error.message : String(error)), "bad");
}

/** With a capital where it begins with a word (not with an address or a name of a field), and quotes for backticks. */
export function sentence(text) {
  return (text ?? "").replace(/^[a-z]+(?=[\s,;'’]|$)/, (word) => word.charAt(0).toUpperCase() + word.slice(1)).replace(/`([^`]*)`/g, "“$1”");
}

/** Said by a screen reader, shown nowhere. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
