// The row of sessions at the top: one tab each, with its state.

import { h, icon, put } from "./dom.js";
import { STATES } from "./text.js";

export class Tabs {
  #tabs = new Map();

  constructor(place, choose) {
    this.choose = choose;
    this.place = place;
    this.fresh = h("button", { type: "button", class: "tab tab-new", title: "New session (n)", onclick: () => choose(null) }, icon("plus"), h("span", { class: "tab-words" }, "New"));
    place.replaceChildren(this.fresh);
  }

  update(sessions, present) {
    for (const [id, tab] of this.#tabs) {
      if (!sessions.has(id)) {
        tab.remove();
        this.#tabs.delete(id);
      }
    }
    for (const [id, { info }] of sessions) this.#tab(id, info, id === present);
    this.fresh.toggleAttribute("aria-current", present === null);
    if (present === null) this.fresh.setAttribute("aria-current", "page");
  }

  #tab(id, info, chosen) {
    let tab = this.#tabs.get(id);
    if (!tab) {
      tab = h("button", { type: "button", class: "tab", data: { session: id }, onclick: () => this.choose(id) }, h("span", { class: "dot" }), h("span", { class: "tab-words" }), h("span", { class: "quiet" }), h("span", { class: "tab-pin" }, icon("pin")));
      this.#tabs.set(id, tab);
      this.place.insertBefore(tab, this.fresh);
    }
    const [dot, words, said, pin] = tab.children;
    dot.className = `dot ${info.state}${info.recording ? " recording" : ""}`;
    put(words, info.title);
    put(said, `, ${STATES[info.state] ?? info.state}${info.recording ? ", recording" : ""}`);
    pin.hidden = !info.pinned;
    tab.title = `${info.title}: ${STATES[info.state] ?? info.state}`;
    if (chosen) {
      if (!tab.hasAttribute("aria-current")) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
      tab.setAttribute("aria-current", "page");
    } else tab.removeAttribute("aria-current");
  }
}
