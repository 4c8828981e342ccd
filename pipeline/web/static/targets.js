// Boxes on a still: what the pipeline is to follow, drawn before the start.

import { h, iconButton, put, svg } from "./dom.js";

const LEAST = 0.01; // of the width: less is a slip
const MOST = 16;

export class Targets {
  boxes = []; // [x, y, w, h], 0..1
  enabled = false;
  #from = null;

  /** Draws over `place`, which shows the still. */
  constructor(place, changed) {
    this.changed = changed;
    this.svg = svg("svg", { class: "targets", "aria-hidden": "true" });
    this.list = h("ul", { class: "target-list" });
    this.hint = h("p", { class: "hint" });
    this.element = h("div", { class: "target-panel", hidden: true }, this.hint, this.list, iconButton("rect", "Add a box in the middle", () => this.#add([0.35, 0.3, 0.3, 0.4])));
    this.place = place;
    place.append(this.svg);
    place.addEventListener("pointerdown", (event) => this.#down(event));
    new ResizeObserver(() => this.#draw()).observe(place);
  }

  enable(on) {
    this.enabled = on;
    this.element.hidden = !on;
    this.place.classList.toggle("drawing", on);
    this.#draw();
  }

  clear() {
    this.boxes = [];
    this.#draw();
  }

  /** As the stage `target` takes them, in pixels of frames of this size. */
  wishes(width, height) {
    return this.boxes.map(([x, y, w, hh]) => `${[x * width, y * height, w * width, hh * height].map(Math.round).join(",")}@0`);
  }

  #at(event) {
    const { left, top, width, height } = this.place.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height].map((value) => Math.min(1, Math.max(0, value)));
  }

  #down(event) {
    if (!this.enabled || event.button !== 0 || this.boxes.length >= MOST) return;
    event.preventDefault();
    this.#from = this.#at(event);
    const boxTo = ([x, y]) => [Math.min(x, this.#from[0]), Math.min(y, this.#from[1]), Math.abs(x - this.#from[0]), Math.abs(y - this.#from[1])];
    const move = (later) => this.#draw(boxTo(this.#at(later)));
    const end = (later) => {
      window.removeEventListener("pointermove", move);
      const box = boxTo(this.#at(later));
      if (box[2] > LEAST && box[3] > LEAST) this.#add(box);
      else this.#draw();
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
  }

  #add(box) {
    if (this.boxes.length < MOST) this.boxes.push(box);
    this.#draw();
    this.changed();
  }

  #draw(open = null) {
    const width = this.place.clientWidth;
    const height = this.place.clientHeight;
    const shapes = this.enabled ? [...this.boxes, ...(open ? [open] : [])] : [];
    this.svg.replaceChildren(...shapes.map(([x, y, w, hh]) => svg("rect", { x: x * width, y: y * height, width: w * width, height: hh * height, rx: 2 })));
    put(this.hint, this.boxes.length ? "" : "Draw a box around each thing that is to go.");
    this.list.replaceChildren(...this.boxes.map((box, at) => this.#row(box, at)));
  }

  #row(box, at) {
    const words = `Target ${at + 1}`;
    const row = h("li", { class: "chip", tabindex: "0", "aria-label": `${words}: arrow keys move it, with Shift they size it, Delete removes it` }, h("span", {}, words), iconButton("close", `Take ${words} away`, () => this.#remove(at)));
    row.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Delete") this.#remove(at);
      if (!way) return;
      event.preventDefault();
      const first = event.shiftKey ? 2 : 0;
      box[first] = Math.min(1, Math.max(0, box[first] + way[0] * 0.01));
      box[first + 1] = Math.min(1, Math.max(0, box[first + 1] + way[1] * 0.01));
      this.#draw();
      this.list.children[at]?.focus();
    });
    return row;
  }

  #remove(at) {
    this.boxes.splice(at, 1);
    this.#draw();
    this.changed();
  }
}
