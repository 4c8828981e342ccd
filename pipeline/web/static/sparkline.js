// One small plot on a canvas: lines over the last two minutes, the newest at the right edge.

import { h } from "./dom.js";

const TONES = { accent: "--accent", soft: "--plot-soft", warn: "--warn" };

export class Sparkline {
  /** `lines`: {tone, of(point, about) -> number | null, stepped}. `least`: what the scale reaches at least. */
  constructor(lines, { least = 1 } = {}) {
    this.lines = lines;
    this.least = least;
    this.canvas = h("canvas", { class: "sparkline", "aria-hidden": "true" });
  }

  draw({ points, seconds }, about) {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (points.length < 2) return;
    const rows = this.lines.map((line) => points.map((point) => line.of(point, about)));
    const top = Math.max(this.least, ...rows.flat().filter(Number.isFinite)) * 1.12;
    const now = points.at(-1).at;
    const place = (at, value) => [width - ((now - points[at].at) / seconds) * width, height - ratio - (value / top) * (height - 2 * ratio)];
    const styles = getComputedStyle(canvas);
    this.lines.forEach((line, row) => this.#line(context, rows[row], place, styles.getPropertyValue(TONES[line.tone]), line.stepped, ratio, height));
  }

  #line(context, values, place, colour, stepped, ratio, height) {
    const path = new Path2D();
    let last = null;
    let first = null;
    values.forEach((value, at) => {
      if (!Number.isFinite(value)) return;
      const [x, y] = place(at, value);
      if (!last) path.moveTo(x, y);
      else if (stepped) {
        path.lineTo(x, last[1]);
        path.lineTo(x, y);
      } else path.lineTo(x, y);
      first ??= [x, y];
      last = [x, y];
    });
    if (!last) return;
    context.strokeStyle = colour;
    context.lineWidth = 1.4 * ratio;
    context.lineJoin = "round";
    const area = new Path2D(path);
    area.lineTo(last[0], height);
    area.lineTo(first[0], height);
    context.globalAlpha = 0.1;
    context.fillStyle = colour;
    context.fill(area);
    context.globalAlpha = 1;
    context.stroke(path);
  }
}
