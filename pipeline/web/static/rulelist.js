// The rules of a session as a list beside the picture: in their order, to be moved, removed, added to.

import { ask } from "./dialogs.js";
import { button, h, icon, iconButton, put, show } from "./dom.js";
import { EFFECTS, doing } from "./rules.js";
import { sentence } from "./notices.js";

export class RuleList {
  constructor(rules, classes) {
    Object.assign(this, { rules, classes });
    this.list = h("ol", { class: "rows rules", "aria-label": "Rules, the first that fits counts" });
    this.say = h("p", { class: "field-say bad", role: "status" });
    this.form = h("div", { class: "rule-form", hidden: true });
    this.open = button("New rule", () => this.#begin(), { picture: "plus", "aria-expanded": "false" });
    this.clear = button("Remove all", () => this.#clear(), { picture: "trash" });
    const hint = "Whom no rule fits is covered as the settings say. Of several rules the first that fits counts. Click somebody in the picture to make one.";
    this.element = h("section", {}, h("h3", {}, "Rules"), h("p", { class: "hint" }, hint), this.list, this.say, this.form, h("div", { class: "adders" }, this.open, this.clear));
    rules.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  #draw() {
    const { list, refusal } = this.rules;
    const held = this.list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    this.list.replaceChildren(...(list.length ? list.map((rule, at) => this.#row(rule, at)) : [h("li", { class: "empty" }, icon("shield"), "No rules: everybody is covered.")]));
    if (held) [...this.list.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === held)?.focus();
    put(this.say, refusal && `Not taken: ${refusal}`);
    show(this.say, Boolean(refusal));
    show(this.clear, list.length > 0);
  }

  #row(rule, at) {
    const who = sentence(this.rules.who(rule.when));
    const words = `${who}: ${doing(rule.do)}`;
    return h(
      "li",
      { class: "row rule", data: { state: rule.do === "keep" ? "clear" : "covered" } },
      h("span", { class: "rule-number", "aria-hidden": "true" }, String(at + 1)),
      h("span", { class: "row-main" }, h("span", { class: "row-name", title: who }, who), h("span", { class: "row-small" }, rule.do === "keep" && icon("warn"), doing(rule.do))),
      iconButton("chevron", `Earlier: ${words}`, () => this.rules.move(rule, -1), { class: "icon-button up", disabled: at === 0 }),
      iconButton("chevron", `Later: ${words}`, () => this.rules.move(rule, 1), { class: "icon-button down", disabled: at === this.rules.list.length - 1 }),
      iconButton("trash", `Remove rule ${at + 1}: ${words}`, () => this.rules.remove(rule)),
    );
  }

  async #clear() {
    if (await ask("Remove all rules?", "Everybody is covered then, as the settings say.", "Remove all")) this.rules.clear();
  }

  #begin() {
    const closed = this.form.hidden;
    if (closed) this.#fill();
    show(this.form, closed);
    this.open.setAttribute("aria-expanded", String(closed));
    if (closed) this.form.querySelector("select").focus();
  }

  #fill() {
    const all = [null, ...this.classes()];
    const who = h("select", { "aria-label": "Who", onchange: () => offer() }, ...all.map((name) => h("option", {}, name ? `Every ${name}` : "Everybody")));
    const what = h("select", { "aria-label": "What is done" });
    const least = h("input", { type: "number", min: 1, max: 16384, "aria-label": "Only from this size, pixels", placeholder: "any size" });
    const able = () => [...this.rules.fitting(all[who.selectedIndex]), "keep"];
    const offer = () => what.replaceChildren(...able().map((effect) => h("option", {}, EFFECTS[effect] ?? "In the clear …")));
    const add = async () => {
      const name = all[who.selectedIndex];
      const when = { ...(name && { class: [name] }), ...(least.value && { min_size: Number(least.value) }) };
      if (await this.rules.add({ when, do: able()[what.selectedIndex] })) this.#begin();
    };
    offer();
    this.form.replaceChildren(who, what, h("label", { class: "auto" }, h("span", {}, "from"), least, h("span", {}, "px")), button("Add", add, { look: "primary" }));
  }
}
