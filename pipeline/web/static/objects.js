// Boxes of what was found, over the picture: seen when pointed at, clicked to remove or keep.

import { api } from "./api.js";
import { h, put } from "./dom.js";
import { announce, notice, sentence } from "./notices.js";
import { state as covering } from "./rulemenu.js";

const MOST = 64; // boxes that are shown
const ANSWER = 900; // ms for which a box shows that it was chosen
const TAP = 4000; // ms for which a tap shows the boxes
const STILL = 6; // pixels within which a press is a click

const area = ({ box: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);

export class Objects extends EventTarget {
  present = [];
  enabled = true;
  pick = null; // (object, x, y, element): what a click does where it does not remove or keep at once
  chosen = null; // SESSION.chosen: what was clicked counts at once, before a picture shows it
  #boxes = new Map();
  #current = null;
  #press = null;

  constructor(id, layer, choosable = true) {
    super();
    this.id = id;
    this.layer = layer;
    this.choosable = choosable;
    this.element = h("div", { class: "objects", role: "group", "aria-label": "What was found; arrow keys go from one to the next, Enter removes or keeps" });
    layer.append(this.element);
    layer.addEventListener("pointerdown", (event) => this.#down(event));
    layer.addEventListener("pointerup", (event) => this.#up(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** New boxes; each follows its track's element, so that focus and hover stay where they are. */
  update(objects) {
    this.present = objects.map((object) => ({ ...object, kept: this.#keeps(object) }));
    this.layer.classList.toggle("fixed", !this.choosable && !this.pick);
    const shown = [...this.present].sort((a, b) => area(b) - area(a)).slice(0, MOST);
    const keys = new Set(shown.map((object, at) => this.#keyOf(object, at)));
    for (const [key, box] of this.#boxes) {
      if (!keys.has(key)) {
        box.remove();
        this.#boxes.delete(key);
      }
    }
    shown.forEach((object, at) => this.#place(this.#keyOf(object, at), object, at));
    if (!this.#boxes.has(this.#current)) this.#setCurrent(this.#boxes.keys().next().value ?? null);
    this.dispatchEvent(new Event("change"));
  }

  async choose(x, y, what = "toggle", box = null) {
    try {
      const answer = await api.choose(this.id, x, y, what);
      const words = `${answer.class} ${answer.track} ${answer.state === "removed" ? "is removed" : "is kept"}`;
      this.#flash(this.#boxes.get(`t${answer.track}`) ?? box, answer.state);
      notice(sentence(words), "good");
      announce(words);
      return answer;
    } catch (error) {
      notice(sentence(error.message), "bad");
      return null;
    }
  }

  toggle(object) {
    const [x0, y0, x1, y1] = object.box;
    return this.choose((x0 + x1) / 2, (y0 + y1) / 2);
  }

  #keeps(object) {
    if (!this.choosable || !this.chosen || object.track < 0) return object.kept;
    return this.chosen.tracks.includes(object.track) === (this.chosen.mode === "all");
  }

  #keyOf(object, at) {
    return object.track >= 0 ? `t${object.track}` : `n${at}`;
  }

  #place(key, object, order) {
    let box = this.#boxes.get(key);
    if (!box) {
      box = h("button", { type: "button", class: "object", tabindex: "-1", onfocus: () => this.#setCurrent(key), onclick: (event) => event.detail === 0 && this.#act(box) }, h("span", { class: "object-name" }));
      this.#boxes.set(key, box);
      this.element.append(box);
    }
    const [x0, y0, x1, y1] = object.box;
    const state = object.kept ? "kept" : "removed";
    box.object = object;
    box.dataset.state = state;
    box.dataset.held = object.held ? "yes" : "no";
    const style = box.style;
    style.left = `${x0 * 100}%`;
    style.top = `${y0 * 100}%`;
    style.width = `${(x1 - x0) * 100}%`;
    style.height = `${(y1 - y0) * 100}%`;
    style.zIndex = String(order + 1);
    box.dataset.edge = y0 < 0.06 ? "top" : "";
    box.dataset.side = x0 > 0.8 ? "right" : "";
    const name = object.track >= 0 ? `${object.name} ${object.track}` : object.name;
    put(box.firstChild, name);
    const words = this.pick ? covering(object) : state;
    if (box.firstChild.dataset.words !== words) box.firstChild.dataset.words = words;
    const label = `${name}, ${words}${this.pick ? "; press to say what is done" : this.choosable ? `; press to ${object.kept ? "remove" : "keep"}` : ""}`;
    if (box.getAttribute("aria-label") !== label) box.setAttribute("aria-label", label);
  }

  /** By the keyboard. */
  #act(box) {
    const { left, top, width, height } = box.getBoundingClientRect();
    if (this.pick) this.pick(box.object, left + width / 2, top + height / 2, box);
    else if (this.choosable) this.toggle(box.object);
  }

  #setCurrent(key) {
    this.#boxes.get(this.#current)?.setAttribute("tabindex", "-1");
    this.#current = key;
    this.#boxes.get(key)?.setAttribute("tabindex", "0");
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !this.#boxes.size) return;
    event.preventDefault();
    const keys = [...this.#boxes.keys()].sort((a, b) => this.#boxes.get(a).object.box[0] - this.#boxes.get(b).object.box[0]);
    this.#boxes.get(keys[(keys.indexOf(this.#current) + step + keys.length) % keys.length]).focus({ preventScroll: true });
  }

  #at(event) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  /** The smallest one there: whoever stands before somebody else. */
  #hit(x, y) {
    const here = this.present.filter(({ box: [x0, y0, x1, y1] }) => x0 <= x && x <= x1 && y0 <= y && y <= y1);
    return here.sort((a, b) => area(a) - area(b))[0] ?? null;
  }

  #down(event) {
    if (!this.enabled || event.button !== 0) return;
    const [x, y] = this.#at(event);
    const seen = this.layer.dataset.boxes === "on" || this.layer.dataset.tapped || event.pointerType !== "touch";
    this.#press = { x, y, object: this.#hit(x, y), clientX: event.clientX, clientY: event.clientY, seen };
  }

  #up(event) {
    const press = this.#press;
    this.#press = null;
    if (!press || Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY) > STILL) return;
    if (!press.seen) this.#tapped();
    else if (press.object && this.pick) setTimeout(() => this.pick(press.object, event.clientX, event.clientY, null)); // else the end of this very press dismisses what opens
    else if (press.object && this.choosable) this.choose(press.x, press.y);
  }

  #tapped() {
    this.layer.dataset.tapped = "yes";
    setTimeout(() => delete this.layer.dataset.tapped, TAP);
  }

  #flash(box, state) {
    if (!box) return;
    box.dataset.answer = state;
    setTimeout(() => delete box.dataset.answer, ANSWER);
  }
}
