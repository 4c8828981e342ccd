// One session on the page: its connection, and the parts that show and steer it, put together.

import { ApiError, api } from "./api.js";
import { ask } from "./dialogs.js";
import { h } from "./dom.js";
import { Files } from "./files.js";
import { Heading } from "./heading.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { announce, complain, notice, sentence } from "./notices.js";
import { Objects } from "./objects.js";
import { Painter } from "./painter.js";
import { Panel } from "./panel.js";
import { Picture } from "./picture.js";
import { Plots } from "./plots.js";
import { resultOf } from "./outcome.js";
import { Report } from "./report.js";
import { Settings } from "./settings.js";
import { share, snapshot } from "./sharing.js";
import { Stage } from "./stage.js";
import { Steering, able } from "./steering.js";
import { STATES, over, title } from "./text.js";
import { Toolbar } from "./toolbar.js";
import { openCamera, send, sends, stopSending } from "./whip.js";
import { Whep } from "./whep.js";
import { Zones } from "./zones.js";

/** Events: `change` (its SESSION differs), `gone`. */
export class Session extends EventTarget {
  visible = false;
  #whep = null;
  #born = performance.now();

  constructor(info, { webrtc, offer = {} }) {
    super();
    Object.assign(this, { info, id: info.id, webrtc, can: able(info, offer) });
    this.painter = new Painter();
    this.history = new History();
    this.live = new Live(this.id, (head, pictures) => this.#draw(head, pictures));
    this.stage = new Stage(this.painter, { onLook: () => this.#look() });
    this.objects = new Objects(this.id, this.stage.layer, this.can.choose);
    this.zones = new Zones(this.id, this.stage.layer);
    this.picture = new Picture((extra) => this.settings.also(extra));
    this.#parts();
    this.#listen();
    this.#told(info);
    this.live.open();
    this.reload();
  }

  #parts() {
    const acts = ["mode", "swap", "boxes", "zone", "snapshot", "record", "transport", "share", "full"];
    this.toolbar = new Toolbar(Object.fromEntries(acts.map((name) => [name, (item) => this.act(name, item)])));
    this.heading = new Heading({
      rename: (title) => title && this.#try(() => api.change(this.id, { title })),
      pause: () => this.act("pause"),
      stop: () => this.#try(() => api.stop(this.id)),
      restart: () => this.#restart({}),
      pin: () => this.act("pin"),
      remove: () => this.remove(),
      send: () => this.sendCamera(),
    });
    this.plots = new Plots(this.history);
    this.settings = new Settings({
      set: (stage, field, value) => api.set(this.id, stage, field, value),
      scale: (stage, workers) => api.scale(this.id, stage, workers),
      apply: (wish) => this.#restart(wish),
    });
    this.steering = new Steering(this.id, this.objects, this.zones, this.can, this.stage);
    this.files = new Files(this.id, (list) => this.#outcome(list));
    this.report = new Report(this.id);
    this.panel = new Panel([
      { name: "settings", words: "Settings", element: h("div", {}, this.picture.element, this.settings.element) },
      { name: "steering", words: "Objects", element: this.steering.element },
      { name: "files", words: "Files", element: this.files.element, opened: () => this.files.load() },
      { name: "report", words: "Report", element: this.report.element, opened: () => this.report.load(over(this.info.state)) },
    ]);
    this.view = h("div", { class: "view" }, this.stage.element, this.toolbar.element);
    this.element = h("section", { class: "session", "aria-label": "Session", hidden: true }, this.heading.element, h("div", { class: "session-in" }, h("div", { class: "session-main" }, this.view, this.plots.element), this.panel.element));
  }

  #listen() {
    this.live.addEventListener("message", ({ detail }) => this.#message(detail));
    this.live.addEventListener("link", ({ detail }) => {
      this.heading.connection(detail);
      if (!detail.open) announce("Connection lost");
    });
    this.live.addEventListener("gone", () => this.dispatchEvent(new Event("gone")));
    document.addEventListener("visibilitychange", () => this.#look());
    document.addEventListener("fullscreenchange", () => this.#look());
    this.zones.addEventListener("change", () => {
      this.objects.enabled = !this.zones.drawing;
      this.stage.layer.classList.toggle("editing", !this.objects.enabled);
    });
  }

  /** Fetch the stages with their present values. */
  async reload() {
    try {
      const { stages, ...info } = await api.session(this.id);
      this.settings.load(stages ?? []);
      this.picture.forget();
      this.#told(info);
    } catch (error) {
      if (error.status === 404) this.dispatchEvent(new Event("gone"));
      else complain(error);
    }
  }

  setVisible(visible) {
    this.visible = visible;
    this.element.hidden = !visible;
    if (!visible) this.zones.edit(false);
    this.#look();
    if (visible) {
      this.plots.update();
      if (over(this.info.state)) this.files.load();
    }
  }

  async #draw(head, pictures) {
    await this.painter.draw(head, this.#whep ? new Map() : pictures);
    this.stage.sized(head.width, head.height);
    if (this.visible) {
      this.objects.update(head.objects ?? []);
      this.stage.coded(head.coding ?? null);
    }
  }

  #message(message) {
    if (message.type === "stats") {
      this.history.add(message);
      if (this.visible) {
        this.plots.update();
        this.heading.seconds(over(this.info.state) ? null : this.#left());
      }
    } else if (message.type === "note") notice(sentence(message.text));
    else if (message.type === "state" || message.type === "end") this.#told({ ...this.info, ...message });
  }

  #left() {
    return this.info.seconds_left - (performance.now() - this.#born) / 1000;
  }

  #told({ type: _, stages: __, ...info }) {
    info.title ||= title(info.pipeline ?? "Session");
    const before = this.info.state;
    this.info = info;
    this.#born = performance.now();
    this.stage.update(info);
    this.heading.update(info, sends(this.id));
    this.zones.update(info.zones);
    this.objects.chosen = info.chosen ?? null;
    this.steering.update(info);
    this.report.update(info);
    this.panel.offer("steering", this.can.choose || this.can.rules || this.can.zones);
    this.#tools();
    if (before !== info.state) this.#turned(before, info.state);
    this.#look();
    this.dispatchEvent(new Event("change"));
  }

  #turned(before, state) {
    announce(`${this.info.title}: ${STATES[state] ?? state}`);
    if (over(state)) {
      this.objects.update([]);
      this.#film(false);
      stopSending(this.id);
      this.files.load();
      if (this.panel.present === "report") this.report.load(true);
    } else this.#outcome([]);
    if (before === "starting" && state === "running") this.reload();
  }

  #tools() {
    this.toolbar.update(this.info, this.stage, { webrtc: this.webrtc && "RTCPeerConnection" in window, filming: Boolean(this.#whep), boxes: this.stage.layer.dataset.boxes === "on", zones: this.can.zones });
  }

  /** Ask for what is looked at, and for nothing while nobody looks. */
  #look() {
    if (!this.toolbar) return;
    const seen = this.visible && !document.hidden && !over(this.info.state);
    const views = this.#whep ? ["result"] : this.stage.shown();
    const wish = this.#whep ? { width: 160, quality: 20 } : { width: this.stage.wantedWidth(this.info.width), quality: 80 };
    this.live.want({ views: seen ? views : [], ...wish });
  }

  /** Do what a key or a button says; false where there is nothing to do. */
  act(name, item) {
    const done = this.#acts()[name];
    if (!done) return this.#mode(name);
    done(item);
    this.#tools();
    return true;
  }

  #acts() {
    return {
      mode: (mode) => this.#mode(mode),
      swap: () => this.stage.swap(),
      boxes: () => (this.stage.layer.dataset.boxes = this.stage.layer.dataset.boxes === "on" ? "" : "on"),
      zone: () => this.can.zones && (this.panel.open("steering"), this.zones.drawing ? this.zones.cancel() : this.zones.begin("hide")),
      snapshot: () => snapshot(this.id, this.stage.shown(), this.info),
      record: () => this.#record(),
      transport: () => this.#film(!this.#whep),
      share: () => share(this.id, this.info, this.webrtc),
      full: () => (document.fullscreenElement ? document.exitFullscreen() : this.view.requestFullscreen().catch(complain)),
      pause: () => this.#try(() => (this.info.state === "paused" ? api.resume(this.id) : api.pause(this.id))),
      pin: () => this.#try(() => api.change(this.id, { pinned: !this.info.pinned })),
      escape: () => this.zones.cancel(),
    };
  }

  #mode(mode) {
    const done = this.stage.setMode(mode);
    if (done && this.#whep && !this.stage.shown().every((view) => this.#whep.views.includes(view))) {
      this.#film(false);
      notice("Overlay and mask come as JPEG: WebRTC is switched off");
    }
    this.#tools();
    this.#look();
    return done;
  }

  async #film(on) {
    const old = this.#whep;
    this.#whep = null;
    await old?.close();
    if (on && !over(this.info.state)) {
      if (!["compare", "side", "result"].includes(this.stage.mode)) this.stage.setMode("compare") || this.stage.setMode("result");
      const views = this.info.views.includes("input") ? ["result", "input"] : ["result"];
      const whep = new Whep(this.id, views, (view, video) => this.painter.film(view, video), () => this.#unfilm("WebRTC broke off; the pictures come as JPEG again"));
      this.#whep = whep;
      try {
        await whep.open();
      } catch (error) {
        this.#unfilm(`WebRTC: ${error.message}`);
      }
    }
    this.#tools();
    this.#look();
  }

  #unfilm(words) {
    notice(sentence(words), "bad");
    this.#film(false);
  }

  async #record() {
    await this.#try(() => api.record(this.id, !this.info.recording));
    if (this.info.recording) this.panel.open("files");
    else this.files.load();
  }

  async #restart(wish) {
    await this.#try(async () => {
      const told = await api.restart(this.id, wish);
      if (told) this.#told(told);
      await this.reload();
      if (this.info.whip) this.sendCamera();
    });
  }

  async sendCamera(stream = null) {
    await this.#try(async () => {
      await send(this.id, stream ?? (await openCamera()), () => notice("The camera's connection broke off: press Connect camera", "bad"));
      this.heading.update(this.info, true);
    });
  }

  async remove() {
    if (!over(this.info.state) && !(await ask("Stop and remove this session?", `“${this.info.title}” is stopped. What it wrote stays until it is deleted or too old.`, "Stop and remove"))) return;
    await this.#try(() => api.remove(this.id));
    await stopSending(this.id);
    this.dispatchEvent(new Event("gone"));
  }

  close() {
    this.live.close();
    this.#whep?.close();
    this.element.remove();
  }

  #outcome(files) {
    this.stage.showResult(over(this.info.state) ? resultOf(this.id, files) : null);
    this.stage.update(this.info);
  }

  async #try(what) {
    try {
      const told = await what();
      if (told?.id === this.id && told.state) this.#told({ ...this.info, ...told });
      else if (typeof told?.on === "boolean") this.#told({ ...this.info, recording: told.on });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) await this.reload();
      complain(error);
    }
  }
}
