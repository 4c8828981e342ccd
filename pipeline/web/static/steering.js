// The panel on who is removed or covered and where: objects of this moment, the choice or the rules, zones.

import { api } from "./api.js";
import { button, h, icon, iconButton, put, show } from "./dom.js";
import { complain, notice } from "./notices.js";
import { ask } from "./dialogs.js";
import { RuleList } from "./rulelist.js";
import { RuleMenu, state } from "./rulemenu.js";
import { Rules } from "./rules.js";
import { plural } from "./text.js";
import { KINDS } from "./zones.js";

const MOST = 24; // rows of objects
const EVERY = 500; // ms between two looks at the list: rows that jump cannot be clicked

/** What can be steered. Where a pipeline protects, rules say who is seen, and nothing else does. */
export function able(info, offer) {
  const classes = (offer.stages ?? []).flatMap(({ fields }) => fields.filter(({ name }) => name === "classes").flatMap(({ value }) => value));
  return { choose: offer.choose ?? !info.privacy, zones: offer.zones ?? true, rules: info.privacy ? (offer.rules ?? null) : null, privacy: Boolean(info.privacy), classes };
}

export class Steering {
  #looked = 0;

  constructor(id, objects, zones, can, stage) {
    Object.assign(this, { id, objects, zones, can, stage });
    if (can.rules) this.#rule();
    if (can.privacy) zones.sure = () => ask("Never touch what is in this zone?", "Whoever walks into it is seen as the camera sees him: here, in snapshots, in recordings and in results, until the zone is deleted.", "Never touch");
    this.mode = h("p", { class: "hint" });
    this.list = h("ul", { class: "rows objects-list" });
    this.reset = button("Forget the choice", () => this.#reset(), { picture: "restart" });
    this.zoneList = h("ul", { class: "rows" });
    this.edit = button("Move corners", () => zones.edit(!zones.editing), { "aria-pressed": "false" });
    this.objectsPart = h("section", {}, h("h3", {}, "In the picture"), this.mode, this.list, this.reset);
    this.element = h(
      "div",
      { class: "steering" },
      this.objectsPart,
      this.ruleList?.element,
      can.zones && h("section", {}, h("h3", {}, "Zones"), h("p", { class: "hint" }, "Inside a zone everything is hidden always, or nothing is touched ever."), this.#adders(), this.zoneList, this.edit),
    );
    objects.addEventListener("change", () => this.#objects());
    zones.addEventListener("change", () => this.#zones());
    this.#zones();
  }

  update(info) {
    const chosen = info.chosen?.mode === "chosen";
    const words = chosen ? "Only who is chosen is removed. Click somebody in the picture, or here." : "All of the chosen classes are removed. Click somebody to keep.";
    put(this.mode, this.rules ? "Click somebody in the picture, or here, to say what is done." : words);
    show(this.objectsPart, Boolean(this.can.choose || this.rules));
    show(this.reset, !this.rules);
    this.reset.disabled = !info.chosen?.tracks?.length;
    this.rules?.update(info.rules);
    this.#warn();
  }

  /** Clicks ask what is done; a rule is made of the answer. */
  #rule() {
    const { objects, zones, can } = this;
    const rules = (this.rules = new Rules(this.id, can.rules.effects));
    const classes = () => [...new Set([...can.classes, ...objects.present.map(({ name }) => name)])].filter(Boolean).sort();
    const seen = (name) => plural(objects.present.filter((one) => one.name === name).length, name, `of class ${name}`);
    this.menu = new RuleMenu(rules, { seen, classes });
    this.ruleList = new RuleList(rules, classes);
    objects.pick = (...given) => this.menu.object(...given);
    objects.layer.dataset.protects = "yes";
    zones.addEventListener("ruled", ({ detail }) => this.#inZone(detail));
    rules.addEventListener("change", () => {
      zones.show(rules.list.flatMap(({ when }) => (when?.zone ? [when.zone] : [])));
      this.#warn();
    });
  }

  #inZone(points) {
    const { left, top, width, height } = this.objects.layer.getBoundingClientRect();
    const middle = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
    this.menu.zone(points.map((point) => point.map((value) => Number(value.toFixed(4)))), left + middle(0) * width, top + middle(1) * height);
  }

  /** The mark on the picture that somebody is seen, or may be. */
  #warn() {
    if (!this.can.privacy) return;
    const clear = this.objects.present.filter(({ kept }) => kept).length;
    const may = this.rules?.keeps || this.zones.list.some(({ kind }) => kind === "spare");
    this.stage.warn(clear ? `${clear} in the clear` : may ? "Some may be in the clear" : "");
  }

  #adders() {
    return h("div", { class: "adders" }, ...Object.entries({ ...KINDS, ...(this.rules && { rule: "Rule for a zone" }) }).map(([kind, words]) => h("div", { class: `adder ${kind}` }, h("button", { type: "button", class: "button", onclick: () => this.zones.begin(kind) }, h("span", { class: `swatch ${kind}` }), h("span", {}, words)), iconButton("rect", `${words}: begin with a rectangle`, () => this.zones.addRectangle(kind)))));
  }

  #objects() {
    if (this.rules) for (const { track, name } of this.objects.present) if (name) this.rules.names.set(track, name);
    this.#warn();
    const now = performance.now();
    if (now - this.#looked < EVERY || !this.element.isConnected || this.element.offsetParent === null) return;
    this.#looked = now;
    if (this.list.contains(document.activeElement) || this.list.matches(":hover")) return this.#refresh();
    const present = [...this.objects.present].sort((a, b) => a.track - b.track).slice(0, MOST);
    this.list.replaceChildren(...(present.length ? present.map((object) => this.#row(object)) : [h("li", { class: "empty" }, icon("boxes"), "Nothing is found at the moment.")]));
  }

  /** Rows that are being used stay; only what they say changes. */
  #refresh() {
    const present = new Map(this.objects.present.map((object) => [String(object.track), object]));
    for (const row of this.list.children) {
      const object = present.get(row.dataset.track);
      if (object) this.#fill(row, object);
      row.classList.toggle("gone", !object);
    }
  }

  #row(object) {
    const box = this.rules ? iconButton("sliders", "", (event) => this.#ask(row, event)) : h("input", { type: "checkbox", role: "switch", class: "switch", onchange: () => this.#toggle(row) });
    const row = h("li", { class: "row", data: { track: String(object.track) } }, h(this.rules ? "div" : "label", { class: "row-main across" }, h("span", { class: "row-name" }), h("span", { class: "row-small" }), box));
    this.#fill(row, object);
    return row;
  }

  #fill(row, object) {
    row.object = object;
    const [name, small, box] = row.firstChild.children;
    put(name, object.track >= 0 ? `${object.name} ${object.track}` : object.name);
    put(small, this.rules ? state(object, this.rules.ofTrack(object.track)) : object.kept ? "kept" : "removed");
    box.checked = !object.kept;
    box.setAttribute("aria-label", this.rules ? `What is done with ${name.textContent}` : `Remove ${name.textContent}`);
    row.dataset.state = object.kept ? (this.rules ? "clear" : "kept") : "removed";
  }

  #ask(row, { currentTarget: place }) {
    const { left, bottom } = place.getBoundingClientRect();
    this.menu.object(row.object, left, bottom, place);
  }

  async #toggle(row) {
    if (!(await this.objects.toggle(row.object))) this.#fill(row, row.object);
  }

  async #reset() {
    try {
      await api.resetChoice(this.id);
      notice("The choice is forgotten", "good");
    } catch (error) {
      complain(error);
    }
  }

  #zones() {
    const { list, editing, drawing } = this.zones;
    this.#warn();
    this.zoneList.replaceChildren(...list.map((zone, at) => h("li", { class: "row" }, h("span", { class: `swatch ${zone.kind}` }), h("span", { class: "row-main" }, h("span", { class: "row-name" }, `${KINDS[zone.kind]} ${at + 1}`), h("span", { class: "row-small" }, `${zone.points.length} corners`)), iconButton("trash", `Delete zone ${at + 1}`, () => this.zones.remove(zone)))));
    show(this.edit, list.length > 0);
    this.edit.setAttribute("aria-pressed", String(editing && !drawing));
  }
}
