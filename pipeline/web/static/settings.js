// The settings of a pipeline, made from its stages' own schemas: live ones act at once, the others on a restart.

import { button, freshId, h, iconButton, put, show } from "./dom.js";
import { control } from "./fields.js";
import { sentence } from "./notices.js";
import { number, plural, title, value as worded } from "./text.js";

const WAIT = 120; // ms without a further change until it is sent
const SHOWN = 2500; // ms for which an answer stands beside its field

export class Settings {
  pending = new Map(); // "stage.field" -> value that waits for a restart
  extra = {}; // what else waits: height, fps
  #fields = new Map(); // "stage.field" -> {field, control, say, mark}

  /** `set(stage, field, value)` and `scale(stage, workers)` act at once and give {from, to}; without them all waits. */
  constructor({ set = null, scale = null, apply = null }) {
    Object.assign(this, { set, scale, apply });
    this.groups = h("div", { class: "settings-groups" });
    this.count = h("span", { class: "apply-text" });
    this.bar = h("div", { class: "apply-bar", hidden: true, role: "status" }, this.count, button("Discard", () => this.discard()), button("Apply", () => this.apply({ settings: this.values(), ...this.extra }), { look: "primary", picture: "restart" }));
    this.element = h("div", { class: "settings" }, this.groups, apply && this.bar);
  }

  /** Build anew from STAGEs. */
  load(stages) {
    this.stages = stages;
    this.pending.clear();
    this.extra = {};
    this.#fields.clear();
    const groups = stages.filter((stage) => stage.fields.length || stage.scalable).map((stage) => this.#group(stage));
    this.groups.replaceChildren(...(groups.length ? groups : [h("p", { class: "empty" }, "This pipeline has nothing to set.")]));
    this.#count();
  }

  discard() {
    this.load(this.stages);
  }

  /** Further wishes for the next start. */
  also(extra) {
    this.extra = extra;
    this.#count();
  }

  values() {
    return Object.fromEntries(this.pending);
  }

  #group(stage) {
    const live = stage.fields.filter((field) => field.live);
    const frozen = stage.fields.filter((field) => !field.live);
    const further = frozen.length && live.length && this.set ? h("details", { class: "further" }, h("summary", {}, plural(frozen.length, "further setting"), h("span", { class: "tag" }, "on restart")), ...frozen.map((field) => this.#row(stage, field))) : null;
    const rows = further ? [...live.map((field) => this.#row(stage, field)), further] : stage.fields.map((field) => this.#row(stage, field));
    return h(
      "details",
      { class: "group", open: stage.role === "transform" && (live.length > 0 || stage.scalable) },
      h("summary", {}, h("span", { class: "group-name" }, title(stage.name))),
      stage.scalable && this.scale && this.#workers(stage),
      ...rows,
    );
  }

  #row(stage, field) {
    const key = `${stage.name}.${field.name}`;
    const id = freshId("field");
    const say = h("span", { class: "field-say", role: "status", id: `${id}-say` });
    const made = control(field, id, (value) => this.#changed(key, stage, field, value));
    const direct = field.live && this.set;
    const mark = !direct && this.set ? h("span", { class: "tag" }, "on restart") : null;
    const label = h("label", { class: "label", for: id, id: `${id}-label` }, title(field.name), mark);
    const hint = field.description ? h("p", { class: "hint", id: `${id}-hint` }, sentence(field.description)) : null;
    made.element.querySelector("input, select")?.setAttribute("aria-describedby", `${id}-hint ${id}-say`);
    const row = h("div", { class: `field ${made.inline ? "inline" : ""}`, data: { field: key } }, h("div", { class: "field-head" }, label, say), made.element, hint);
    this.#fields.set(key, { field, control: made, say, row, timer: 0, busy: false });
    return row;
  }

  #workers(stage) {
    const id = freshId("workers");
    const say = h("span", { class: "field-say", role: "status" });
    const amount = h("output", { id, class: "stepper-value" }, String(stage.workers));
    const step = async (by) => {
      const wanted = Math.max(1, stage.workers + by);
      if (wanted === stage.workers) return;
      say.className = "field-say busy";
      put(say, "…");
      try {
        const { to } = await this.scale(stage.name, wanted);
        stage.workers = to;
        put(amount, String(to));
        this.#tell(say, "good", `${plural(to, "worker")}`);
      } catch (error) {
        this.#tell(say, "bad", sentence(error.message));
      }
    };
    const less = iconButton("minus", `One worker fewer for ${stage.name}`, () => step(-1));
    const more = iconButton("plus", `One worker more for ${stage.name}`, () => step(1));
    return h("div", { class: "field inline" }, h("div", { class: "field-head" }, h("span", { class: "label" }, "Workers"), say), h("div", { class: "stepper", role: "group", "aria-label": `Workers of ${stage.name}` }, less, amount, more));
  }

  #changed(key, stage, field, value) {
    if (!field.live || !this.set) {
      if (JSON.stringify(value) === JSON.stringify(field.value)) this.pending.delete(key);
      else this.pending.set(key, value);
      this.#fields.get(key).row.dataset.pending = this.pending.has(key) ? "yes" : "no";
      this.#count();
      return;
    }
    const entry = this.#fields.get(key);
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.#send(entry, stage, field), WAIT);
  }

  /** One at a time for each field; what was changed meanwhile goes after it. */
  async #send(entry, stage, field) {
    if (entry.busy) {
      entry.again = true;
      return;
    }
    entry.busy = true;
    const value = entry.control.get();
    const begun = performance.now();
    entry.say.className = "field-say busy";
    put(entry.say, "…");
    try {
      const { to } = await this.set(stage.name, field.name, value);
      field.value = to;
      if (!entry.again && JSON.stringify(to) !== JSON.stringify(entry.control.get())) entry.control.set(to);
      this.#tell(entry.say, "good", `in force · ${number(performance.now() - begun, 0)} ms`);
    } catch (error) {
      if (!entry.again) entry.control.set(field.value);
      this.#tell(entry.say, "bad", `${sentence(error.message)} Still ${worded(field.value)}.`.replace(/([^.!?]) Still/, "$1. Still"));
    }
    entry.busy = false;
    if (entry.again) {
      entry.again = false;
      this.#send(entry, stage, field);
    }
  }

  #tell(say, kind, text) {
    say.className = `field-say ${kind}`;
    put(say, text);
    clearTimeout(say.timer);
    if (kind === "good") say.timer = setTimeout(() => put(say, ""), SHOWN);
  }

  #count() {
    const count = this.pending.size + Object.keys(this.extra).length;
    put(this.count, `${plural(count, "change")} for the next start`);
    show(this.bar, count > 0);
  }
}
