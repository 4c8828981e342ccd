// Rules of a session: who is covered with what, and who is seen; changed here, held by the server.

import { api } from "./api.js";
import { ask } from "./dialogs.js";
import { announce, complain, sentence } from "./notices.js";
import { plural } from "./text.js";

export const EFFECTS = { solid: "Solid", mosaic: "Mosaic", blur: "Blur", silhouette: "Silhouette", remove: "Remove", template: "Blank plate", face: "Other face", sticker: "Sticker" };
const ONLY = { template: "plate", face: "face" }; // effects that are for one class
const IN_CLEAR = "in the clear";

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export function doing(what) {
  return what === "keep" ? IN_CLEAR : (EFFECTS[what] ?? what).toLowerCase();
}

/** Events: `change`. `list` is what holds; `refusal` says why the last change was not taken. */
export class Rules extends EventTarget {
  list = [];
  refusal = "";
  names = new Map(); // track -> class, of all that were seen here
  #turn = Promise.resolve();
  #under = 0; // changes that are under way

  constructor(id, effects) {
    super();
    this.id = id;
    this.effects = effects;
  }

  /** What the server says; a change that is under way has the word. */
  update(rules) {
    if (this.#under || same(rules ?? [], this.list)) return;
    this.list = rules ?? [];
    this.dispatchEvent(new Event("change"));
  }

  /** Effects that make sense for a class; null: for whatever it is. */
  fitting(name) {
    return this.effects.filter((effect) => !ONLY[effect] || ONLY[effect] === name);
  }

  /** The rule made for this one alone. */
  ofTrack(track) {
    return this.list.find(({ when }) => when?.track?.includes(track) && !when.zone);
  }

  ofClass(name) {
    return this.list.find(({ when }) => when && same(Object.keys(when), ["class"]) && same(when.class, [name]));
  }

  /** Before all others, in the place of one for the same. False where it was not wanted after all, or not taken. */
  async add(rule, seen = null) {
    if (rule.do === "keep" && !(await this.#sure(rule.when, seen))) return false;
    const { when } = rule;
    const twin = (other) => (when.track ? same(other.when?.track, when.track) && !other.when.zone : same(other.when ?? {}, when));
    return this.#change((list) => [rule, ...list.filter((other) => !twin(other))]);
  }

  remove(rule) {
    return this.#change((list) => list.filter((other) => !same(other, rule)));
  }

  /** Earlier (-1) or later (1). */
  move(rule, by) {
    return this.#change((list) => {
      const at = list.findIndex((other) => same(other, rule));
      const to = at + by;
      if (at < 0 || to < 0 || to >= list.length) return list;
      const moved = [...list];
      [moved[at], moved[to]] = [moved[to], moved[at]];
      return moved;
    });
  }

  clear() {
    return this.#change(() => []);
  }

  who(when = {}) {
    const { track, class: classes, zone, min_size: least, max_size: most } = when;
    const named = track?.map((number) => `${classes?.[0] ?? this.names.get(number) ?? "number"} ${number}`).join(", ");
    const whom = named ?? (classes ? `every ${classes.join(" or ")}` : "everybody");
    const sizes = [least && `from ${least} px`, most && `up to ${most} px`].filter(Boolean).join(" ");
    return [whom, zone && `in a zone of ${zone.length} corners`, sizes].filter(Boolean).join(", ");
  }

  get keeps() {
    return this.list.some((rule) => rule.do === "keep");
  }

  #sure(when, seen) {
    const who = this.who(when);
    const now = seen === null ? "" : ` At this moment: ${seen}.`;
    const lasts = when.track ? " Where it may be another, as where two meet, and who comes back after being lost from sight, is covered." : " That holds for all who come later, too.";
    return ask(`Show ${who} in the clear?`, `From the next picture on ${who} will be seen as the camera sees it: here, in snapshots, in recordings and in results, until the rule is removed.${now}${lasts}`, "Show in the clear");
  }

  /** One after the other, each made of what holds then. */
  #change(make) {
    this.#under += 1;
    const done = this.#turn.then(() => this.#put(make));
    this.#turn = done.finally(() => (this.#under -= 1)).then(() => this.dispatchEvent(new Event("change")));
    return done;
  }

  async #put(make) {
    const wanted = make(this.list);
    if (same(wanted, this.list)) return true;
    try {
      this.list = await api.rules(this.id, wanted, this.list);
      this.refusal = "";
      announce(`${plural(this.list.length, "rule")} in force`);
      return true;
    } catch (error) {
      this.refusal = sentence(error.message);
      complain(error);
      const info = await api.session(this.id).catch(() => null);
      if (info) this.list = info.rules;
      return false;
    }
  }
}
