// Files of a session: results and recordings, to download or to delete.

import { api } from "./api.js";
import { ask } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { complain } from "./notices.js";
import { bytes } from "./text.js";

const KINDS = { result: "result", recording: "recording" };

export class Files {
  list = [];

  constructor(id, loaded) {
    this.id = id;
    this.loaded = loaded;
    this.rows = h("ul", { class: "rows" });
    this.element = h("div", { class: "files" }, this.rows);
    this.#show();
  }

  async load() {
    try {
      this.list = await api.files(this.id);
      this.#show();
      this.loaded(this.list);
    } catch (error) {
      this.rows.replaceChildren(h("li", { class: "empty" }, `The list cannot be had: ${error.message}`));
    }
  }

  #show() {
    this.rows.replaceChildren(...(this.list.length ? this.list.map((file) => this.#row(file)) : [h("li", { class: "empty" }, icon("file"), "No files yet. Record what you see, or let the run come to its end.")]));
  }

  #row(file) {
    const url = api.fileUrl(this.id, file.name);
    return h(
      "li",
      { class: "row" },
      h("div", { class: "row-main" }, h("span", { class: "row-name" }, file.name), h("span", { class: "row-small" }, [KINDS[file.kind] ?? file.kind, bytes(file.bytes), file.complete ? "" : "still being written"].filter(Boolean).join(" · "))),
      file.complete && h("a", { class: "icon-button", href: url, download: file.name, "aria-label": `Download ${file.name}`, title: "Download" }, icon("download")),
      file.complete && iconButton("trash", `Delete ${file.name}`, () => this.#remove(file)),
    );
  }

  async #remove(file) {
    if (!(await ask("Delete this file?", `${file.name} (${bytes(file.bytes)}) is deleted on the server. Nothing brings it back.`, "Delete"))) return;
    try {
      await api.removeFile(this.id, file.name);
    } catch (error) {
      complain(error);
    }
    await this.load();
  }
}
