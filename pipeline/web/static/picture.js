// Height and rate of a session's pictures: they wait for a restart, like other frozen settings.

import { freshId, h } from "./dom.js";

export const HEIGHTS = [["Source", null], ["360", 360], ["480", 480], ["600", 600], ["720", 720], ["1080", 1080], ["2160", 2160]];
export const RATES = [["Source", null], ["5 fps", 5], ["10 fps", 10], ["15 fps", 15], ["25 fps", 25], ["30 fps", 30], ["60 fps", 60]];

/** A select of [words, value]; `.chosen()` gives the value. */
export function choice(words, rows, changed = () => {}) {
  const id = freshId("choice");
  const box = h("select", { id, onchange: changed }, ...rows.map(([text]) => h("option", {}, text)));
  return { element: h("div", { class: "field stacked" }, h("label", { class: "label", for: id }, words), box), chosen: () => rows[box.selectedIndex][1], box };
}

export class Picture {
  /** `changed({height, fps})` gets what differs from the start. */
  constructor(changed) {
    this.height = choice("Height", HEIGHTS, () => this.#tell());
    this.rate = choice("Frame rate", RATES, () => this.#tell());
    this.changed = changed;
    this.touched = new Set();
    this.height.box.addEventListener("change", () => this.touched.add("height"));
    this.rate.box.addEventListener("change", () => this.touched.add("fps"));
    this.element = h("div", { class: "picture-settings" }, this.height.element, this.rate.element, h("span", { class: "tag" }, "on restart"));
  }

  /** What was chosen has been applied, or is given up. */
  forget() {
    this.touched.clear();
  }

  #tell() {
    queueMicrotask(() => {
      const all = { height: this.height.chosen(), fps: this.rate.chosen() };
      this.changed(Object.fromEntries([...this.touched].map((name) => [name, all[name]])));
    });
  }
}
