// Where pictures come from: one of four kinds, and a still of it beside.

import { api } from "./api.js";
import { button, freshId, h, icon, iconButton, put, show } from "./dom.js";
import { sentence } from "./notices.js";
import { Uploads } from "./upload.js";
import { VENDORS, withPath } from "./vendors.js";
import { cameraTrouble, listCameras, openCamera } from "./whip.js";

const KINDS = { camera: ["Camera", "video"], url: ["Network", "network"], upload: ["Files", "upload"], browser: ["This browser", "browser"] };

export class SourceChoice {
  stream = null; // of this browser's camera
  #cameras = [];

  /** `changed()` is called when another source is chosen; `probe()` when a still is wanted. */
  constructor(about, { changed, probe }) {
    Object.assign(this, { changed, probe });
    const offered = about.sources ?? {};
    this.kinds = Object.keys(KINDS).filter((kind) => (kind === "url" ? offered.url?.length : offered[kind]));
    this.uploads = new Uploads({ changed: () => this.changed(), limit: about.limits?.upload_bytes });
    this.schemes = offered.url ?? [];
    this.bodies = { camera: this.#camera(), url: this.#url(), upload: this.uploads.element, browser: this.#browser() };
    this.tabs = h("div", { class: "segments wide", role: "radiogroup", "aria-label": "Kind of source" }, ...this.kinds.map((kind) => this.#tab(kind)));
    this.element = h("div", { class: "source" }, this.tabs, h("div", { class: "source-body" }, ...this.kinds.map((kind) => this.bodies[kind])));
    this.choose(this.kinds[0]);
  }

  async load() {
    try {
      this.#cameras = await api.cameras();
      this.uploads.load();
    } catch (error) {
      this.#cameras = [];
      put(this.cameraHint, sentence(error.message));
    }
    this.cameraList.replaceChildren(...this.#cameras.map((camera, at) => h("label", { class: "option" }, h("input", { type: "radio", name: "camera", value: camera.address, checked: at === 0, onchange: () => this.changed(true) }), h("span", { class: "option-words" }, h("span", { class: "row-name" }, camera.name), h("span", { class: "row-small" }, camera.address)))));
    put(this.cameraHint, this.#cameras.length > 1 ? "" : "No camera is connected to the server; the test picture moves and shows a clock.");
    this.changed(true);
  }

  choose(kind) {
    this.kind = kind;
    for (const tab of this.tabs.children) {
      const chosen = tab.dataset.kind === kind;
      tab.setAttribute("aria-checked", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    for (const name of this.kinds) show(this.bodies[name], name === kind);
    this.changed(true);
  }

  /** SOURCEs that are chosen, none where something is missing. */
  chosen() {
    if (this.kind === "camera") {
      const address = this.cameraList.querySelector("input:checked")?.value;
      return address ? [{ kind: "camera", address }] : [];
    }
    if (this.kind === "url") return this.address.value.trim() ? [{ kind: "url", url: this.address.value.trim() }] : [];
    if (this.kind === "upload") return this.uploads.ready().map(({ id }) => ({ kind: "upload", id }));
    return this.stream ? [{ kind: "browser" }] : [];
  }

  /** What to do before it can start; empty where nothing is missing. */
  missing() {
    if (this.chosen().length) return "";
    return { camera: "Choose a camera.", url: "Type the address of a stream.", upload: this.uploads.busy ? "The upload is under way." : "Choose a file.", browser: "Allow this browser's camera." }[this.kind];
  }

  #tab(kind) {
    const [words, picture] = KINDS[kind];
    const tab = h("button", { type: "button", class: "segment", role: "radio", data: { kind }, onclick: () => this.choose(kind) }, icon(picture), h("span", {}, words));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.choose(this.kinds[(this.kinds.indexOf(kind) + step + this.kinds.length) % this.kinds.length]);
      this.tabs.querySelector("[aria-checked=true]").focus();
    });
    return tab;
  }

  #camera() {
    this.cameraList = h("div", { class: "options", role: "radiogroup", "aria-label": "Camera" });
    this.cameraHint = h("p", { class: "hint" });
    return h("div", {}, this.cameraList, h("div", { class: "source-line" }, this.cameraHint, iconButton("restart", "Look for cameras again", () => this.load())));
  }

  #url() {
    const id = freshId("address");
    this.address = h("input", { type: "text", id, inputmode: "url", placeholder: "rtsp://user:password@192.168.1.20/stream1", autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-hint`, oninput: () => this.changed() });
    this.address.addEventListener("keydown", (event) => event.key === "Enter" && this.probe());
    const paths = h("select", { "aria-label": "Path of a maker's streams", onchange: () => this.#path(paths) }, h("option", {}, "Path by maker …"), ...VENDORS.map(([name]) => h("option", {}, name)));
    return h(
      "div",
      { class: "network" },
      h("label", { class: "label", for: id }, "Address of the stream"),
      this.address,
      h("div", { class: "source-line" }, paths, button("Probe", () => this.probe(), { class: "button probe" })),
      h("p", { class: "hint", id: `${id}-hint` }, `Understood: ${this.schemes.map((scheme) => `${scheme}://`).join(", ")}. User and password go before the host, and are shown nowhere afterwards.`),
    );
  }

  #path(paths) {
    const vendor = VENDORS[paths.selectedIndex - 1];
    if (vendor) this.address.value = withPath(this.address.value, vendor[1]);
    paths.selectedIndex = 0;
    this.address.focus();
    this.changed(true);
  }

  #browser() {
    const trouble = cameraTrouble();
    this.browserHint = h("p", { class: "hint" }, trouble ?? "The pictures go to the server over WebRTC, and nowhere else.");
    this.devices = h("select", { "aria-label": "Camera of this browser", hidden: true, onchange: () => this.allow(this.devices.value) });
    const allow = button("Use this camera", () => this.allow(), { picture: "browser", disabled: Boolean(trouble) });
    return h("div", { class: "browser-camera" }, h("div", { class: "source-line" }, allow, this.devices), h("div", { class: trouble ? "callout warn" : "" }, trouble && icon("warn"), this.browserHint));
  }

  async allow(deviceId = "") {
    this.release();
    try {
      this.stream = await openCamera(deviceId);
      const devices = await listCameras();
      const present = this.stream.getVideoTracks()[0].getSettings().deviceId;
      this.devices.replaceChildren(...devices.map((device, at) => h("option", { value: device.deviceId, selected: device.deviceId === present }, device.label || `Camera ${at + 1}`)));
      show(this.devices, devices.length > 1);
      put(this.browserHint, "The pictures go to the server over WebRTC, and nowhere else.");
    } catch (error) {
      put(this.browserHint, sentence(error.message));
    }
    this.changed(true);
  }

  /** The camera's light goes out, unless a session took the stream over. */
  release(keep = false) {
    if (!keep) for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }
}
