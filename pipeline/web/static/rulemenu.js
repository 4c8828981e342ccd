// What is asked about an object, or a zone, that was pointed at: who is meant, and what is done.

import { button, h, icon } from "./dom.js";
import { EFFECTS, doing } from "./rules.js";

const EDGE = 8; // pixels that stay free around it

export class RuleMenu {
  #back = null;

  /** `seen(name)`: how many of a class are in the picture. */
  constructor(rules, { seen, classes }) {
    Object.assign(this, { rules, seen, classes });
    this.element = h("div", { class: "menu", popover: "auto", role: "dialog", "aria-label": "What is done with it" });
    this.element.addEventListener("toggle", ({ newState }) => {
      if (newState !== "closed") return;
      this.element.remove();
      this.#back?.focus?.({ preventScroll: true });
    });
  }

  /** At a point of the window; the focus goes `back` there afterwards. */
  object(object, x, y, back = null) {
    const { track, name } = object;
    const one = track >= 0 ? this.#one(object) : [h("p", { class: "hint" }, "It has no number: rules can only be for all of its class.")];
    const held = this.rules.ofClass(name);
    const every = name && this.#part(`Every ${name}`, this.#effects(name, (effect) => ({ when: { class: [name] }, do: effect }), held), this.#keep({ class: [name] }, this.seen(name), held), this.#forget(held));
    this.#open(h("p", { class: "menu-head" }, h("strong", {}, track >= 0 ? `${name} ${track}` : name), h("span", { class: "row-small" }, state(object, this.rules.ofTrack(track)))), ...one, every || "", x, y, back);
  }

  /** For whoever is in a zone that was drawn. */
  zone(points, x, y) {
    const all = [null, ...this.classes()];
    const who = h("select", { "aria-label": "Who", onchange: () => fill() }, ...all.map((name) => h("option", {}, name ?? "Everybody")));
    const part = h("div", { class: "menu-part" });
    const fill = () => {
      const name = all[who.selectedIndex];
      const when = { ...(name && { class: [name] }), zone: points };
      part.replaceChildren(this.#effects(name, (effect) => ({ when, do: effect })), this.#keep(when, null));
    };
    fill();
    this.#open(h("p", { class: "menu-head" }, h("strong", {}, "In this zone")), who, part, x, y, null);
  }

  #one({ track, name }) {
    const held = this.rules.ofTrack(track);
    return [this.#part("This one", this.#effects(name, (effect) => ({ when: { track: [track] }, do: effect }), held), this.#keep({ ...(name && { class: [name] }), track: [track] }, null, held), this.#forget(held))];
  }

  #part(words, ...content) {
    return h("div", { class: "menu-part", role: "group", "aria-label": words }, h("h4", {}, words), ...content);
  }

  #effects(name, rule, held = null) {
    return h("div", { class: "menu-row" }, ...this.rules.fitting(name).map((effect) => h("button", { type: "button", class: "button small", "aria-pressed": String(held?.do === effect), onclick: () => this.#add(rule(effect)) }, EFFECTS[effect])));
  }

  #keep(when, seen, held = null) {
    return h("button", { type: "button", class: "button small clear", "aria-pressed": String(held?.do === "keep"), onclick: () => this.#add({ when, do: "keep" }, seen) }, icon("warn"), h("span", {}, "Show in the clear …"));
  }

  #forget(held) {
    return held && button(`No longer: ${doing(held.do)}`, () => (this.element.hidePopover(), this.rules.remove(held)), { look: "small", picture: "close" });
  }

  #add(rule, seen = null) {
    this.element.hidePopover();
    this.rules.add(rule, seen);
  }

  #open(...given) {
    const [x, y, back] = given.splice(-3);
    this.#back = back;
    this.element.replaceChildren(...given);
    document.body.append(this.element);
    this.element.showPopover();
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const inside = (at, size, whole) => Math.max(EDGE, Math.min(at, whole - size - EDGE));
    this.element.style.left = `${inside(x + EDGE, width, innerWidth)}px`;
    this.element.style.top = `${inside(y + EDGE, height, innerHeight)}px`;
    this.element.querySelector("button, select")?.focus({ preventScroll: true });
  }
}

/** What is seen of an object at this moment; `wanted`: the rule for it alone, which may not hold just now. */
export function state({ kept, effect }, wanted = null) {
  if (wanted?.do === "keep" && !kept) return "covered: it may be another";
  return kept ? doing("keep") : effect ? doing(effect) : "covered";
}
