// Zones over the picture: polygons that are always hidden or never touched; drawn, dragged, deleted, sent.

import { api } from "./api.js";
import { h, svg } from "./dom.js";
import { announce, complain } from "./notices.js";

export const KINDS = { hide: "Always hide", spare: "Never touch" };
const WORDS = { ...KINDS, rule: "Rule for a zone" };
const SEND = 150; // ms after the last change
const NEAR = 10; // pixels within which a click closes a polygon
const MOST = 32; // corners of one zone

const inside = (value) => Math.min(1, Math.max(0, value));

export class Zones extends EventTarget {
  list = []; // {kind, points: [[x, y], ...]}, 0..1
  drawing = null; // the zone that is being drawn
  editing = false;
  ruled = []; // zones of rules: shown, not changed here
  sure = null; // asked before something is never touched
  #chosen = null; // [zone, corner]
  #timer = 0;
  #told = "";

  constructor(id, layer) {
    super();
    this.id = id;
    this.layer = layer;
    this.svg = svg("svg", { class: "zones", role: "group", "aria-label": "Zones" });
    this.hint = h("p", { class: "tool-hint", hidden: true });
    layer.append(this.svg, this.hint);
    layer.addEventListener("click", (event) => this.#click(event));
    layer.addEventListener("dblclick", () => this.finish());
    layer.addEventListener("pointermove", (event) => this.drawing && this.#draw(this.#at(event)));
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("keydown", (event) => this.#drawingKey(event), { capture: true });
    new ResizeObserver(() => this.#draw()).observe(layer);
  }

  /** What the server says; what is being edited here is not overwritten. */
  update(zones) {
    const told = JSON.stringify(zones ?? {});
    if (this.#timer || this.drawing || told === this.#told) return;
    this.#told = told;
    this.list = Object.keys(KINDS).flatMap((kind) => (zones?.[kind] ?? []).map((points) => ({ kind, points })));
    this.#changed();
  }

  edit(on) {
    this.editing = on;
    if (!on) this.drawing = null;
    this.#changed();
  }

  begin(kind) {
    this.editing = true;
    this.drawing = { kind, points: [] };
    announce(`Drawing a zone: ${WORDS[kind]}. Click the corners; Enter closes it.`);
    this.#changed();
  }

  /** For the keyboard: a rectangle in the middle, whose corners the arrow keys move. */
  addRectangle(kind) {
    this.editing = true;
    this.drawing = null;
    const shift = (this.list.length % 5) * 0.04;
    const points = [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]].map(([x, y]) => [x + shift, y + shift]);
    this.#take({ kind, points }).then(() => this.svg.querySelector("g:last-of-type circle")?.focus());
  }

  finish() {
    const zone = this.drawing;
    this.drawing = null;
    if (zone && zone.points.length >= 3) this.#take(zone);
    else this.#changed();
  }

  async #take(zone) {
    if (zone.kind === "rule") {
      this.editing = false;
      this.dispatchEvent(new CustomEvent("ruled", { detail: zone.points }));
    } else if (zone.kind !== "spare" || !this.sure || (await this.sure())) {
      this.list.push(zone);
      announce(`Zone drawn: ${KINDS[zone.kind]}`);
      return this.#send();
    }
    this.#changed();
  }

  /** The zones of rules. */
  show(zones) {
    this.ruled = zones;
    this.#draw();
  }

  cancel() {
    if (!this.drawing && !this.editing) return false;
    if (this.drawing) this.drawing = null;
    else this.editing = false;
    this.#changed();
    return true;
  }

  remove(zone) {
    this.list = this.list.filter((other) => other !== zone);
    this.#send();
  }

  #changed() {
    this.layer.dataset.tool = this.drawing ? "draw" : this.editing ? "edit" : "";
    this.hint.hidden = !this.drawing;
    if (this.drawing) this.hint.textContent = `${WORDS[this.drawing.kind]}: click the corners. Enter or a double click closes it, Esc gives up.`;
    this.#draw();
    this.dispatchEvent(new Event("change"));
  }

  #send() {
    this.#changed();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#put(), SEND);
  }

  async #put() {
    const zones = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, this.list.filter((zone) => zone.kind === kind).map((zone) => zone.points)]));
    this.#timer = 0;
    try {
      const told = await api.zones(this.id, zones);
      if (!this.#timer) this.#told = JSON.stringify(told ?? zones);
    } catch (error) {
      complain(error);
      const info = await api.session(this.id).catch(() => null);
      this.#told = "";
      if (info) this.update(info.zones);
    }
  }

  #at(event) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
  }

  #pixels([x, y]) {
    return [x * this.layer.clientWidth, y * this.layer.clientHeight];
  }

  #click(event) {
    if (!this.drawing) return;
    const point = this.#at(event);
    const { points } = this.drawing;
    const far = (other) => Math.hypot(...this.#pixels(point).map((value, at) => value - this.#pixels(other)[at]));
    if (points.length >= 3 && far(points[0]) < NEAR) this.finish();
    else if (!points.length || far(points.at(-1)) > 2) {
      points.push(point);
      if (points.length === MOST) this.finish();
      this.#draw();
    }
  }

  #draw(pointer = null) {
    const focused = this.#chosen && document.activeElement?.closest?.(".zones") ? this.#chosen : null;
    const shapes = this.list.map((zone, at) => this.#shape(zone, at));
    this.svg.replaceChildren(...this.ruled.map((points) => this.#outline("rule", points)), ...shapes);
    if (this.drawing) this.svg.append(this.#open(pointer));
    if (focused) this.svg.querySelector(`[data-zone="${focused[0]}"][data-corner="${focused[1]}"]`)?.focus();
  }

  #outline(kind, points) {
    const group = svg("g", { class: `zone ${kind}` });
    group.append(svg("polygon", { points: points.map((point) => this.#pixels(point).join()).join(" ") }));
    return group;
  }

  #shape(zone, number) {
    const group = this.#outline(zone.kind, zone.points);
    if (this.editing) zone.points.forEach((point, corner) => group.append(this.#corner(zone, number, point, corner)));
    return group;
  }

  #corner(zone, number, point, corner) {
    const [cx, cy] = this.#pixels(point);
    const circle = svg("circle", { cx, cy, r: 6, tabindex: 0, role: "button", "data-zone": number, "data-corner": corner, "aria-label": `${KINDS[zone.kind]}, zone ${number + 1}, corner ${corner + 1} of ${zone.points.length}: arrow keys move it, Delete removes it` });
    circle.addEventListener("focus", () => (this.#chosen = [number, corner]));
    circle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.#chosen = [number, corner];
      circle.focus();
      const move = (later) => {
        zone.points[corner] = this.#at(later);
        this.#draw();
      };
      const end = () => {
        window.removeEventListener("pointermove", move);
        this.#send();
      };
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", end, { once: true });
    });
    return circle;
  }

  #open(pointer) {
    const group = svg("g", { class: `zone ${this.drawing.kind} open` });
    const points = [...this.drawing.points, ...(pointer ? [pointer] : [])];
    group.append(svg("polygon", { points: points.map((point) => this.#pixels(point).join()).join(" ") }));
    for (const point of this.drawing.points) {
      const [cx, cy] = this.#pixels(point);
      group.append(svg("circle", { cx, cy, r: 5 }));
    }
    return group;
  }

  /** While corners are set, Enter and Backspace belong to the drawing, wherever the focus is. */
  #drawingKey(event) {
    if (!this.drawing?.points.length || !["Enter", "Backspace"].includes(event.key) || event.target.closest?.("input, select, dialog")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") this.finish();
    else {
      this.drawing.points.pop();
      this.#draw();
    }
  }

  #key(event) {
    if (!this.#chosen) return;
    const [number, corner] = this.#chosen;
    const zone = this.list[number];
    if (!zone) return;
    const step = event.shiftKey ? 0.05 : 0.01;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (way) zone.points[corner] = zone.points[corner].map((value, at) => inside(value + way[at]));
    else if (event.key === "Delete" || event.key === "Backspace") {
      if (zone.points.length > 3 && !event.shiftKey) zone.points.splice(corner, 1);
      else this.list.splice(number, 1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.#send();
  }
}
