// The start panel: a source, a pipeline, a few wishes; one session for each source that is chosen.

import { api } from "./api.js";
import { button, freshId, h, icon, put, show } from "./dom.js";
import { complain, notice, sentence } from "./notices.js";
import { HEIGHTS, RATES, choice } from "./picture.js";
import { Settings } from "./settings.js";
import { SourceChoice } from "./source.js";
import { Still } from "./still.js";
import { Targets } from "./targets.js";
import { bytes, plural } from "./text.js";

const AUTOMATIC = new Set(["cam:test"]); // a probe of it disturbs nobody, and switches no light on

export class Start {
  #timer = 0;

  /** `started(info, stream)` is called for each new session. */
  constructor(about, pipelines, started) {
    Object.assign(this, { about, pipelines, started });
    this.still = new Still();
    this.targets = new Targets(this.still.picture, () => this.#check());
    this.settings = new Settings({});
    this.source = new SourceChoice(about, { changed: (other) => this.#sourceChanged(other), probe: () => this.#probe() });
    this.cards = h("div", { class: "cards", role: "radiogroup", "aria-label": "What is done" }, ...pipelines.map((pipeline, at) => this.#card(pipeline, at)));
    this.#options();
    this.element = h(
      "section",
      { class: "start", "aria-label": "New session" },
      h("h1", { class: "start-title" }, "New session"),
      this.#warnings(),
      h(
        "div",
        { class: "start-top" },
        this.#step("Source", this.source.element),
        h("div", { class: "start-still" }, this.still.element, this.targets.element),
      ),
      this.#step("What is done", this.cards.children.length ? this.cards : h("p", { class: "empty" }, "The server offers no pipeline: start it with --pipeline, or see its log.")),
      this.#step("Details", this.details, this.more),
      this.bar,
    );
    this.#choose(pipelines[0]);
    this.source.load();
  }

  #step(words, ...content) {
    return h("section", { class: "step" }, h("h2", {}, words), ...content);
  }

  #options() {
    const id = freshId("title");
    this.title = h("input", { type: "text", id, maxlength: "80", placeholder: "as the pipeline is called", autocomplete: "off" });
    this.height = choice("Height", HEIGHTS);
    this.rate = choice("Frame rate", RATES);
    this.pinned = h("input", { type: "checkbox", class: "switch", role: "switch", id: `${id}-pin` });
    this.details = h("div", { class: "details" }, h("div", { class: "field stacked grow" }, h("label", { class: "label", for: id }, "Title"), this.title), this.height.element, this.rate.element, h("div", { class: "field stacked keep" }, this.pinned, h("label", { class: "label", for: `${id}-pin` }, "Keep running when this page is closed")));
    this.more = h("details", { class: "group more" }, h("summary", {}, h("span", { class: "group-name" }, "Settings of the pipeline")), this.settings.element);
    this.go = button("Start", () => this.start(), { look: "primary big", picture: "play" });
    this.missing = h("p", { class: "start-missing", role: "status" });
    this.bar = h("div", { class: "start-bar" }, this.missing, this.go);
  }

  #warnings() {
    const machine = this.about.machine ?? {};
    const lines = [];
    if (machine.media_writable === false) lines.push("The server cannot write to its folder: uploads and recordings will fail until that is put right.");
    if (machine.media_free_bytes < 2e9) lines.push(`Only ${bytes(machine.media_free_bytes)} are free on the server's disk.`);
    return lines.length ? h("div", { class: "callout warn" }, icon("warn"), h("div", {}, ...lines.map((line) => h("p", {}, line)))) : null;
  }

  #card(pipeline, at) {
    const card = h(
      "label",
      { class: "card" },
      h("input", { type: "radio", name: "pipeline", value: pipeline.name, checked: at === 0, onchange: () => this.#choose(pipeline) }),
      h("span", { class: "card-head" }, h("span", { class: "card-title" }, pipeline.title), pipeline.privacy && h("span", { class: "badge protected-badge" }, icon("shield"), "Protected")),
      h("span", { class: "card-about", title: sentence(pipeline.about) }, sentence(pipeline.about)),
      h("span", { class: "card-foot" }, pipeline.live ? "keeps up with live pictures" : "takes each frame, in its time"),
    );
    return card;
  }

  #choose(pipeline) {
    this.pipeline = pipeline;
    if (!pipeline) return;
    this.settings.load(pipeline.stages ?? []);
    this.targets.enable(Boolean(pipeline.targets));
    if (pipeline.targets && !this.still.info && this.source.chosen().length) this.#probe();
    this.#check();
  }

  /** `other`: another source, so that the still is none of it. */
  #sourceChanged(other = false) {
    if (!this.source) return;
    clearTimeout(this.#timer);
    const [source] = this.source.chosen();
    const key = JSON.stringify(source ?? null);
    if (other || key !== this.sourceKey) {
      if (key !== this.sourceKey) this.targets.clear();
      this.sourceKey = key;
      this.#preview(source);
    }
    this.#check();
  }

  #preview(source) {
    if (this.source.kind === "browser" && this.source.stream) return this.still.film(this.source.stream);
    if (!source) return this.still.clear(this.source.missing());
    const automatic = source.kind === "upload" || AUTOMATIC.has(source.address);
    this.still.clear(source.kind === "url" ? "Probe shows a picture, or says why there is none." : "");
    if (automatic) this.#timer = setTimeout(() => this.#probe(), 50);
    else if (source.kind === "camera") this.still.none.append(button("Show a picture", () => this.#probe(), { class: "button still-probe" }));
    return null;
  }

  async #probe() {
    const [source] = this.source.chosen();
    if (!source) return this.still.clear(this.source.missing(), true);
    if (source.kind === "browser") return null;
    this.still.none.querySelector(".still-probe")?.remove();
    await this.still.probe(source);
    return this.#check();
  }

  #check() {
    const count = this.source.chosen().length;
    let text = this.pipeline ? this.source.missing() : "Choose what is done.";
    if (!text && this.pipeline?.targets && !this.targets.boxes.length) text = this.still.info ? "Draw a box on the picture above." : "A picture of the source is needed to draw on.";
    put(this.missing, text);
    this.go.disabled = Boolean(text);
    put(this.go.lastChild, count > 1 ? `Start ${plural(count, "session")}` : "Start");
  }

  #wish(source) {
    const height = this.height.chosen();
    const wish = { pipeline: this.pipeline.name, source, settings: this.settings.values(), height, fps: this.rate.chosen(), targets: [], pinned: this.pinned.checked, title: this.title.value.trim() || this.#named(source) };
    if (this.pipeline.targets && this.still.info) {
      const scale = height ? height / this.still.info.height : 1;
      wish.targets = this.targets.wishes(this.still.info.width * scale, this.still.info.height * scale);
    }
    return wish;
  }

  #named(source) {
    return source.kind === "upload" ? this.source.uploads.nameOf(source.id) : this.pipeline.title;
  }

  /** One session for each source; what is refused is said, and the rest stays chosen. */
  async start() {
    const sources = this.source.chosen();
    const stream = this.source.stream;
    this.go.disabled = true;
    put(this.go.lastChild, "Starting …");
    let done = 0;
    try {
      for (const source of sources) {
        const info = await api.create(this.#wish(source));
        done += 1;
        if (source.kind === "upload") this.source.uploads.used(source.id);
        if (source.kind === "browser") this.source.release(true);
        this.started(info, source.kind === "browser" ? stream : null, done === 1);
      }
      this.title.value = "";
    } catch (error) {
      complain(done ? `${done} of ${sources.length} started. ${sentence(error.message)}. The rest stays chosen: start it when a session has ended.` : error);
    }
    if (done > 1) notice(`${plural(done, "session")} started`, "good");
    this.#sourceChanged();
    this.#check();
  }

  setVisible(visible) {
    show(this.element, visible);
  }
}
