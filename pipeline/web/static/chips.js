// A list of words as chips: typed with suggestions, taken away one by one.

import { freshId, h, icon, put } from "./dom.js";
import { COCO } from "./coco.js";

export class Chips {
  values = [];

  constructor({ id, suggestions, only, least, name, changed }) {
    this.changed = changed;
    this.least = least;
    this.name = name;
    this.suggestions = suggestions.length || only ? suggestions : /class/i.test(name) ? COCO : [];
    const listId = freshId("suggestions");
    this.options = h("datalist", { id: listId });
    this.input = h("input", { type: "text", id, list: listId, class: "chip-input", placeholder: "add …", autocomplete: "off", spellcheck: "false" });
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("change", () => this.#add());
    this.row = h("ul", { class: "chip-row", "aria-label": name });
    this.hint = h("span", { class: "quiet", role: "status" });
    this.element = h("div", { class: "chips", onclick: (event) => event.target === this.element && this.input.focus() }, this.row, this.input, this.options, this.hint);
  }

  set(values) {
    this.values = [...values];
    this.row.replaceChildren(...this.values.map((word) => this.#chip(word)));
    this.options.replaceChildren(...this.suggestions.filter((word) => !this.values.includes(word)).map((word) => h("option", { value: word })));
  }

  #chip(word) {
    const fixed = this.values.length <= this.least;
    const label = fixed ? `${word}: at least ${this.least} must stay` : `Take ${word} away`;
    return h("li", { class: "chip" }, h("span", {}, word), h("button", { type: "button", "aria-label": label, title: label, disabled: fixed, onclick: () => this.#take(word) }, icon("close")));
  }

  #take(word) {
    this.set(this.values.filter((other) => other !== word));
    put(this.hint, `${word} taken away`);
    this.input.focus();
    this.changed(this.values);
  }

  #add() {
    const words = this.input.value.split(",").map((word) => word.trim()).filter((word) => word && !this.values.includes(word));
    this.input.value = "";
    if (!words.length) return;
    this.set([...this.values, ...words]);
    put(this.hint, `${words.join(", ")} added`);
    this.changed(this.values);
  }

  #key(event) {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      this.#add();
    } else if (event.key === "Backspace" && !this.input.value && this.values.length > this.least) this.#take(this.values.at(-1));
  }
}
