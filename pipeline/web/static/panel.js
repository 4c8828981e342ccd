// The panel beside the stage: four tabs, one of them open.

import { freshId, h, show } from "./dom.js";

export class Panel {
  /** `parts`: [{name, words, element, opened()}] */
  constructor(parts) {
    this.parts = parts.map((part) => ({ ...part, tab: this.#tab(part), body: h("div", { class: "panel-body", role: "tabpanel", tabindex: "-1" }, part.element) }));
    for (const { tab, body } of this.parts) {
      tab.id = freshId("tab");
      body.id = freshId("panel");
      tab.setAttribute("aria-controls", body.id);
      body.setAttribute("aria-labelledby", tab.id);
    }
    this.element = h("aside", { class: "panel", "aria-label": "Steering" }, h("div", { class: "panel-tabs", role: "tablist" }, ...this.parts.map(({ tab }) => tab)), ...this.parts.map(({ body }) => body));
    this.open(parts[0].name);
  }

  open(name) {
    this.present = name;
    for (const part of this.parts) {
      const chosen = part.name === name;
      part.tab.setAttribute("aria-selected", String(chosen));
      part.tab.tabIndex = chosen ? 0 : -1;
      show(part.body, chosen);
      if (chosen) part.opened?.();
    }
  }

  offer(name, offered) {
    const part = this.parts.find((one) => one.name === name);
    show(part.tab, offered);
    if (!offered && this.present === name) this.open(this.parts[0].name);
  }

  #tab({ name, words }) {
    const tab = h("button", { type: "button", role: "tab", class: "panel-tab", onclick: () => this.open(name) }, words);
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const offered = this.parts.filter((part) => !part.tab.hidden);
      const at = offered.findIndex((part) => part.name === name);
      const next = offered[(at + step + offered.length) % offered.length];
      this.open(next.name);
      next.tab.focus();
    });
    return tab;
  }
}
