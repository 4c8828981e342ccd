// The bar under the stage: how it is looked at, and what can be taken from it.

import { h, icon, iconButton, show } from "./dom.js";
import { MODES } from "./stage.js";
import { over } from "./text.js";

const KEY = { compare: 1, side: 2, result: 3, overlay: 4, grid: 5 };

export class Toolbar {
  /** `acts`: mode(name), swap, boxes, zone, snapshot, record, transport, share, full */
  constructor(acts) {
    this.modes = h("div", { class: "segments", role: "radiogroup", "aria-label": "View" }, ...Object.entries(MODES).map(([mode, about]) => this.#mode(mode, about, acts.mode)));
    this.swap = iconButton("swap", "Swap input and result (x)", acts.swap, { "aria-pressed": "false" });
    this.boxes = iconButton("boxes", "Always show boxes (b)", acts.boxes, { "aria-pressed": "false" });
    this.zone = iconButton("zone", "Draw a zone (z)", acts.zone);
    this.snapshot = iconButton("camera", "Save a picture (s)", acts.snapshot);
    this.record = h("button", { type: "button", class: "button record", "aria-pressed": "false", title: "Record (r)", onclick: acts.record }, icon("record"), h("span", {}, "Record"));
    this.transport = h("button", { type: "button", class: "button transport", "aria-pressed": "false", title: "JPEG over a WebSocket is best nearby; WebRTC on a thin or distant line", onclick: acts.transport }, h("span", {}, "WebRTC"));
    this.share = iconButton("link", "Addresses for other programs", acts.share);
    this.full = iconButton("full", "Whole screen (f)", acts.full);
    this.element = h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Picture" },
      h("div", { class: "tools" }, this.modes, this.swap),
      h("div", { class: "tools" }, this.boxes, this.zone),
      h("div", { class: "tools tools-end" }, this.snapshot, this.record, this.transport, this.share, this.full),
    );
  }

  #mode(mode, about, choose) {
    const button = h("button", { type: "button", class: "segment", role: "radio", "aria-checked": "false", "aria-label": about.words, title: `${about.words} (${KEY[mode]})`, data: { mode }, tabindex: "-1", onclick: () => choose(mode) }, icon(about.picture));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const others = [...this.modes.children].filter((other) => !other.hidden);
      const next = others[(others.indexOf(button) + step + others.length) % others.length];
      choose(next.dataset.mode);
      next.focus();
    });
    return button;
  }

  update(info, stage, { webrtc, filming, boxes, zones }) {
    const modes = stage.modes();
    for (const button of this.modes.children) {
      const { mode } = button.dataset;
      const chosen = mode === stage.mode;
      show(button, modes.includes(mode));
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    show(this.modes, modes.length > 1);
    show(this.swap, modes.includes("compare"));
    const ended = over(info.state);
    for (const tool of [...this.modes.children, this.boxes, this.zone, this.transport, this.share, this.full]) tool.disabled = ended;
    this.swap.disabled = ended || !["compare", "side"].includes(stage.mode);
    this.swap.setAttribute("aria-pressed", String(stage.swapped));
    const on = info.state === "running" || info.state === "reconnecting";
    this.snapshot.disabled = !on;
    this.record.disabled = !on && !info.recording;
    this.record.setAttribute("aria-pressed", String(Boolean(info.recording)));
    this.record.lastChild.textContent = info.recording ? "Recording" : "Record";
    show(this.transport, webrtc);
    this.transport.setAttribute("aria-pressed", String(filming));
    this.boxes.setAttribute("aria-pressed", String(boxes));
    show(this.zone, zones);
  }
}
