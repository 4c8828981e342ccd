// The still of a source beside its choice: asked for, shown, or why there is none.

import { api } from "./api.js";
import { h, icon, put, show } from "./dom.js";
import { sentence } from "./notices.js";
import { sizeAndRate } from "./text.js";

export class Still {
  info = null; // of the last probe that went well
  #asked = 0;

  constructor() {
    this.image = h("img", { alt: "Still picture of the source", hidden: true });
    this.video = h("video", { hidden: true, playsinline: true, "aria-label": "This browser's camera" });
    this.video.muted = true;
    this.words = h("p", { class: "still-words" });
    this.none = h("div", { class: "still-none" }, icon("camera"), this.words);
    this.picture = h("div", { class: "still-picture" }, this.image, this.video);
    this.frame = h("div", { class: "still-frame" }, this.picture, this.none);
    this.facts = h("p", { class: "still-facts", role: "status" });
    this.element = h("div", { class: "still" }, this.frame, this.facts);
    this.clear("Nothing chosen yet.");
  }

  clear(text, bad = false) {
    this.#asked += 1;
    this.info = null;
    show(this.image, false);
    show(this.video, false);
    show(this.none, true);
    this.none.classList.toggle("bad", bad);
    this.none.replaceChild(icon(bad ? "warn" : "camera"), this.none.firstChild);
    this.frame.classList.remove("busy");
    put(this.words, text);
    put(this.facts, "");
  }

  film(stream) {
    this.clear("");
    this.video.srcObject = stream;
    this.video.play().catch(() => {}); // it is muted: browsers allow it
    const { width, height, frameRate } = stream.getVideoTracks()[0].getSettings();
    this.info = { width, height, rate: frameRate };
    this.#facts();
    show(this.none, false);
    show(this.video, true);
  }

  /** Ask the server for a picture of the source. */
  async probe(source) {
    this.clear("Looking …");
    this.frame.classList.add("busy");
    const turn = this.#asked;
    try {
      const info = await api.probe(source);
      if (turn !== this.#asked) return;
      this.frame.classList.remove("busy");
      this.info = info;
      this.#facts();
      if (!info.still) return put(this.words, info.hidden ? "It answers. Nothing of it is shown here but what is covered." : "It answers, but gave no picture.");
      this.image.src = info.still;
      show(this.image, true);
      show(this.none, false);
    } catch (error) {
      if (turn === this.#asked) this.clear(sentence(error.message), true);
    }
  }

  #facts() {
    put(this.facts, sizeAndRate(this.info));
    this.picture.style.setProperty("--ratio", String((this.info.width || 16) / (this.info.height || 9)));
  }
}
