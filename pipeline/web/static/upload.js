// Files on their way to the server: one row each, with progress; those that arrived can be sources.

import { api, upload } from "./api.js";
import { h, icon, iconButton, put } from "./dom.js";
import { sentence } from "./notices.js";
import { bytes, sizeAndRate } from "./text.js";

export class Uploads {
  rows = []; // {element, info | null}

  constructor({ changed, limit }) {
    this.changed = changed;
    this.limit = limit;
    this.input = h("input", { type: "file", id: "upload-files", class: "quiet-input", multiple: true, accept: "video/*,image/*,.mkv,.ts,.m2ts,.y4m,.nut", onchange: () => this.take(this.input.files) });
    this.list = h("ul", { class: "rows" });
    this.zone = h(
      "label",
      { class: "drop", for: "upload-files" },
      icon("upload"),
      h("span", { class: "drop-words" }, h("strong", {}, "Choose files"), " or drop them here"),
      h("span", { class: "hint" }, `Videos and pictures${limit ? `, up to ${bytes(limit)} each` : ""}. Each file becomes a session of its own.`),
    );
    this.element = h("div", { class: "uploads" }, this.input, this.zone, this.list);
    for (const name of ["dragenter", "dragover"]) this.element.addEventListener(name, (event) => this.#over(event, true));
    for (const name of ["dragleave", "drop"]) this.element.addEventListener(name, (event) => this.#over(event, false));
    this.element.addEventListener("drop", (event) => this.take(event.dataTransfer.files));
  }

  /** Those that are whole, in the order in which they were chosen. */
  ready() {
    return this.rows.filter((row) => row.info && row.box.checked).map((row) => row.info);
  }

  /** It has a session now: it stays here, no longer chosen. */
  used(id) {
    for (const row of this.rows) if (row.info?.id === id) row.box.checked = false;
  }

  nameOf(id) {
    return this.rows.find((row) => row.info?.id === id)?.info.name ?? "";
  }

  get busy() {
    return this.rows.some((row) => row.running);
  }

  /** What this browser sent before. */
  async load() {
    try {
      for (const info of await api.uploads()) if (!this.rows.some((row) => row.info?.id === info.id)) this.#done(this.#row(info.name, false), info);
    } catch {
      // none are offered then; sending new ones says what is wrong
    }
  }

  take(files) {
    for (const file of files) this.#send(file);
    this.input.value = "";
  }

  #over(event, on) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.element.classList.toggle("over", on);
  }

  async #send(file) {
    const row = this.#row(file.name, true);
    if (this.limit && file.size > this.limit) return this.#failed(row, `${bytes(file.size)} is more than the server takes (${bytes(this.limit)})`);
    row.running = true;
    this.changed();
    const { done, abort } = upload(file, (share) => {
      row.bar.value = share;
      put(row.small, share < 1 ? `${bytes(file.size * share)} of ${bytes(file.size)}` : "being looked at");
    });
    row.abort = abort;
    try {
      this.#done(row, await done);
    } catch (error) {
      this.#failed(row, error.message);
    }
    row.running = false;
    this.changed();
  }

  #row(name, chosen) {
    const row = { info: null, running: false };
    row.box = h("input", { type: "checkbox", checked: chosen, disabled: true, "aria-label": `Use ${name}`, onchange: () => this.changed() });
    row.bar = h("progress", { max: "1", "aria-label": `Progress of ${name}` });
    row.bar.value = 0;
    row.small = h("span", { class: "row-small", role: "status" });
    row.element = h("li", { class: "row" }, row.box, h("span", { class: "row-main" }, h("span", { class: "row-name" }, name), row.small, row.bar), iconButton("close", `Take ${name} away`, () => this.#remove(row)));
    this.rows.push(row);
    this.list.append(row.element);
    return row;
  }

  #done(row, info) {
    row.info = info;
    row.box.disabled = false;
    row.bar.remove();
    put(row.small, [info.kind === "image" ? "picture" : "", sizeAndRate(info), bytes(info.bytes)].filter(Boolean).join(" · "));
  }

  #failed(row, text) {
    row.bar.remove();
    row.box.checked = false;
    row.element.classList.add("bad");
    put(row.small, sentence(text));
    this.changed();
  }

  async #remove(row) {
    row.abort?.();
    this.rows = this.rows.filter((other) => other !== row);
    row.element.remove();
    this.changed();
    if (row.info) await api.removeUpload(row.info.id).catch(() => {}); // it may be in use; it is swept later
  }
}
