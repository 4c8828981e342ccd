// Live plots: six small tiles, each a number and the last two minutes of it.

import { h, put } from "./dom.js";
import { Sparkline } from "./sparkline.js";
import { number } from "./text.js";
import { onTheme } from "./theme.js";

const lineOf = (key, tone) => ({ tone, of: (point) => point[key] });

export class Plots {
  constructor(history) {
    this.history = history;
    this.levels = [];
    this.tiles = {
      rate: this.#tile("Rate", "frames a second", [lineOf("rate", "accent")]),
      latency: this.#tile("Latency", "milliseconds: median, and 95 of 100", [lineOf("p95", "soft"), lineOf("p50", "accent")]),
      drops: this.#tile("Dropped", "frames a second left out to keep up", [lineOf("drops", "warn")]),
      objects: this.#tile("Objects", "found in the picture", [lineOf("objects", "accent")]),
      level: this.#tile("Level", "how thoroughly it works; it steps back to keep up", [{ tone: "accent", stepped: true, of: (point) => this.#levelNumber(point.level) }]),
    };
    this.stages = h("tbody");
    const table = h(
      "table",
      { class: "stage-table" },
      h("thead", {}, h("tr", {}, ...[["Stage", ""], ["Queue", "frames that wait for it"], ["", ""], ["ms", "its own work on a frame"], ["×", "workers"]].map(([words, about]) => h("th", { scope: "col", title: about }, words)))),
      this.stages,
    );
    const rows = h("section", { class: "tile tile-stages", "aria-label": "Stages" }, table);
    this.element = h("div", { class: "plots", role: "region", "aria-label": "Live numbers" }, ...Object.values(this.tiles).map((tile) => tile.element), rows);
    this.rows = new Map();
    onTheme(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  #tile(words, about, lines) {
    const main = h("span", { class: "tile-number" }, "–");
    const small = h("span", { class: "tile-small" });
    const spark = new Sparkline(lines);
    const element = h("section", { class: "tile", title: about, "aria-label": words }, h("h3", {}, words), h("p", { class: "tile-line" }, main, small), spark.canvas);
    return { element, main, small, spark };
  }

  update() {
    const stats = this.history.last;
    if (!stats || !this.element.isConnected) return;
    const point = this.history.points.at(-1);
    const latency = stats.latency_ms ?? {};
    this.#put("rate", number(stats.rate), "fps");
    this.#put("latency", number(latency.p50, 0), latency.p95 ? `p95 ${number(latency.p95, 0)} ms` : "ms");
    this.#put("drops", number(point.drops), stats.dropped ? `${number(stats.dropped)} in all` : "none so far");
    this.#put("objects", number(stats.objects), stats.blanked || stats.rejected ? `${stats.blanked} blanked · ${stats.rejected} rejected` : "");
    this.#put("level", stats.level ?? "full", "");
    this.#stages(stats.stages ?? []);
    this.draw();
  }

  draw() {
    if (!this.element.isConnected || !this.element.clientWidth) return;
    for (const { spark } of Object.values(this.tiles)) spark.draw(this.history);
    for (const [name, { spark }] of this.rows) spark.draw(this.history, name);
  }

  #put(name, main, small) {
    put(this.tiles[name].main, main);
    put(this.tiles[name].small, small);
  }

  /** Levels have names; higher in the plot is what was seen first, which is the full one. */
  #levelNumber(level) {
    const name = level ?? "full";
    if (!this.levels.includes(name)) this.levels.push(name);
    return this.levels.length - 1 - this.levels.indexOf(name) || 0;
  }

  #stages(stages) {
    const names = stages.map(({ name }) => name);
    if (names.join() !== [...this.rows.keys()].join()) {
      this.rows = new Map(names.map((name) => [name, this.#row(name)]));
      this.stages.replaceChildren(...[...this.rows.values()].map(({ row }) => row));
    }
    for (const stage of stages) {
      const { cells, row } = this.rows.get(stage.name);
      put(cells.queue, number(stage.queue));
      put(cells.busy, number(stage.busy_ms, stage.busy_ms < 10 ? 1 : 0));
      put(cells.workers, String(stage.workers));
      row.dataset.busy = stage.queue > 1 ? "yes" : "no";
      row.title = `${stage.name}: ${stage.state ?? ""}${stage.dropped ? `, ${stage.dropped} dropped` : ""}`;
    }
  }

  #row(name) {
    const spark = new Sparkline([{ tone: "accent", of: (point, stage) => point.queues[stage] ?? 0 }], { least: 3 });
    const cells = { queue: h("td", { class: "num" }), busy: h("td", { class: "num" }), workers: h("td", { class: "num" }) };
    const row = h("tr", {}, h("th", { scope: "row" }, name), cells.queue, h("td", { class: "spark" }, spark.canvas), cells.busy, cells.workers);
    return { row, cells, spark };
  }
}
