// The stage: the pictures of a session in the arrangement that is chosen, and one layer above them for boxes and zones.

import { h, icon, put, show } from "./dom.js";
import { Divider } from "./divider.js";
import { STATES, VIEWS, figures, over } from "./text.js";
import { sentence } from "./notices.js";

export const MODES = {
  compare: { words: "Compare", views: ["input", "result"], picture: "compare" },
  side: { words: "Side by side", views: ["input", "result"], picture: "side" },
  result: { words: "Result only", views: ["result"], picture: "single" },
  overlay: { words: "Overlay", views: ["overlay"], picture: "overlay" },
  grid: { words: "Two by two", views: ["input", "result", "overlay", "mask"], picture: "grid" },
};

const LARGEST = 1920; // pixels that are asked for at most
const STEP = 160; // and in which steps, so that not every drag of the window asks anew

export class Stage {
  mode = "result";
  #wanted = "compare"; // what was chosen last, also where it cannot be shown now
  #swapped = false;
  #views = [];
  #frames = {};

  constructor(painter, { onLook }) {
    this.painter = painter;
    this.onLook = onLook;
    this.layer = h("div", { class: "layer" });
    this.box = h("div", { class: "frames" }, this.layer);
    this.divider = new Divider((share) => this.box.style.setProperty("--split", `${share}%`));
    this.box.append(this.divider.element);
    this.message = h("div", { class: "stage-message", role: "status" });
    this.badge = h("span", { class: "protected", hidden: true }, icon("shield"), "Protected");
    this.exposed = h("span", { class: "exposed", role: "status", hidden: true }, icon("warn"), h("span", {}));
    this.result = h("div", { class: "stage-result", hidden: true });
    this.element = h("div", { class: "stage", data: { mode: this.mode } }, this.box, this.result, this.message, h("div", { class: "marks" }, this.badge, this.exposed));
    new ResizeObserver(() => this.onLook()).observe(this.box);
  }

  /** Modes that this session can show. */
  modes() {
    return Object.keys(MODES).filter((mode) => MODES[mode].views.every((view) => this.#views.includes(view)));
  }

  /** Views from first to second, as they stand on the stage. */
  shown() {
    const views = MODES[this.mode].views;
    return this.#swapped && views.length === 2 ? [...views].reverse() : views;
  }

  setMode(mode) {
    if (!this.modes().includes(mode)) return false;
    this.mode = this.#wanted = mode;
    this.#arrange();
    return true;
  }

  swap() {
    this.#swapped = !this.#swapped;
    this.#arrange();
  }

  get swapped() {
    return this.#swapped;
  }

  /** How wide pictures are of use here: what the screen has, in steps; null for all there is. */
  wantedWidth(streamWidth) {
    const cell = this.layer.clientWidth * (window.devicePixelRatio || 1);
    const width = Math.min(LARGEST, Math.max(STEP * 2, Math.ceil(cell / STEP) * STEP));
    return streamWidth && width >= streamWidth && streamWidth <= LARGEST ? null : width;
  }

  update(info) {
    const views = info.views ?? [];
    if (views.join() !== this.#views.join()) {
      this.#views = views;
      const modes = this.modes();
      this.mode = modes.includes(this.#wanted) ? this.#wanted : (modes[0] ?? "result");
      this.#arrange();
    }
    if (info.width && info.height) this.box.style.setProperty("--ratio", String(info.width / info.height));
    show(this.badge, Boolean(info.privacy));
    this.#say(info);
  }

  /** A size learned from a picture; the session may not have told it yet. */
  sized(width, height) {
    if (width && height) this.box.style.setProperty("--ratio", String(width / height));
  }

  /** What a codec says of the decoded picture: PSNR in dB, kbit/s, bits per pixel; null: nothing is coded here. */
  coded(coding) {
    const name = this.#frames.result?.querySelector(".frame-name");
    if (!name || (!coding && !name.dataset.said)) return;
    put(name, [VIEWS.result, coding ? figures(coding) : ""].filter(Boolean).join(" \u00b7 "));
    if (coding) name.dataset.said = "yes";
    else delete name.dataset.said;
  }

  /** Says that somebody is seen, or may be; "": nobody. */
  warn(words) {
    put(this.exposed.lastChild, words);
    show(this.exposed, Boolean(words));
  }

  #arrange() {
    const views = this.shown();
    this.element.dataset.mode = this.mode;
    for (const frame of Object.values(this.#frames)) frame.remove();
    views.forEach((view, at) => {
      const frame = this.#frame(view);
      frame.dataset.place = String(at);
      this.box.insertBefore(frame, this.layer);
    });
    this.layer.dataset.place = String(Math.max(0, views.indexOf("input")));
    this.divider.names(...views.map((view) => VIEWS[view]));
    show(this.divider.element, this.mode === "compare");
    this.onLook();
  }

  #frame(view) {
    this.#frames[view] ??= h("div", { class: "frame", data: { view } }, this.painter.canvas(view), h("span", { class: "frame-name" }, VIEWS[view] ?? view));
    const canvas = this.painter.canvas(view);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${VIEWS[view] ?? view}, live picture`);
    return this.#frames[view];
  }

  #say(info) {
    const { state } = info;
    this.element.dataset.state = state;
    const lines = {
      starting: ["Starting", "The models are being loaded; the first picture comes in some seconds."],
      waiting: ["Waiting for pictures", info.whip ? "This browser's camera is not connected yet." : "The source sends nothing yet."],
      reconnecting: ["Reconnecting", "The source broke off. It is taken up again by itself as soon as it answers."],
      paused: ["Paused", ""],
      stopping: ["Stopping", "What was made is being finished."],
      ended: ["Ended", "Results are under Files; Restart runs it again."],
      failed: ["It could not go on", sentence(info.error ?? "")],
    };
    const [head, text] = lines[state] ?? ["", ""];
    this.message.replaceChildren(...(head ? [h("span", { class: `dot ${state}` }), h("strong", {}, head), h("span", {}, text)] : []));
    show(this.message, Boolean(head) && (!over(state) || this.result.hidden || state === "failed"));
    this.element.setAttribute("aria-label", `${STATES[state] ?? state}`);
  }

  /** What an ended run made, in place of live pictures; null takes it away. */
  showResult(element) {
    this.result.replaceChildren(...(element ? [element] : []));
    show(this.result, Boolean(element));
    show(this.box, !element);
  }
}
