// The run report in words and tables, and the log.

import { api } from "./api.js";
import { button, h, icon, show } from "./dom.js";
import { sentence } from "./notices.js";
import { clock, number, title } from "./text.js";

const RESULTS = {
  completed: ["good", "Completed"],
  completed_with_errors: ["warn", "Completed, with errors"],
  interrupted: ["", "Stopped"],
  failed: ["bad", "Failed"],
};

const pair = (name, text) => h("div", {}, h("dt", {}, name), h("dd", {}, text));

export class Report {
  constructor(id) {
    this.id = id;
    this.body = h("div", { class: "report-body" });
    this.notes = h("section", { hidden: true }, h("h3", {}, "Notes"), h("ul", { class: "plain notes" }));
    this.log = h("pre", { class: "log", tabindex: "0", role: "region", "aria-label": "Log" });
    this.logBox = h("details", { class: "group", ontoggle: () => this.logBox.open && this.loadLog() }, h("summary", {}, h("span", { class: "group-name" }, "Log")), this.log, button("Read again", () => this.loadLog(), { picture: "restart" }));
    this.element = h("div", { class: "report" }, this.body, this.notes, this.logBox);
  }

  /** `over`: the run has ended, so that there is a report. */
  async load(over) {
    if (!over) return this.#wait();
    try {
      this.#show(await api.report(this.id));
    } catch (error) {
      this.body.replaceChildren(h("p", { class: "empty" }, sentence(error.message)));
    }
    return this.logBox.open ? this.loadLog() : null;
  }

  #wait() {
    this.body.replaceChildren(h("p", { class: "empty" }, "The report is written when the run has ended. Until then the numbers are under the picture."));
    return this.logBox.open ? this.loadLog() : null;
  }

  /** What the run said of itself. */
  update({ notes = [] }) {
    show(this.notes, notes.length > 0);
    const list = this.notes.lastChild;
    if (list.childElementCount !== notes.length) list.replaceChildren(...notes.map((note) => h("li", {}, sentence(note))));
  }

  async loadLog() {
    try {
      const { lines } = await api.log(this.id);
      this.log.textContent = lines.length ? lines.join("\n") : "Nothing was said yet.";
      this.log.scrollTop = this.log.scrollHeight;
    } catch (error) {
      this.log.textContent = sentence(error.message);
    }
  }

  #show(report) {
    const [kind, words] = RESULTS[report.result] ?? ["", report.result];
    const file = new Blob([JSON.stringify(report, null, 1)], { type: "application/json" });
    const link = h("a", { class: "button", download: `${report.pipeline ?? "run"}-report.json`, href: URL.createObjectURL(file) }, icon("download"), h("span", {}, "JSON"));
    this.body.replaceChildren(
      h("div", { class: "report-head" }, h("strong", { class: `verdict ${kind}` }, words), link),
      this.#facts(report),
      this.#frames(report.frames ?? {}),
      this.#stages(report.stages ?? {}),
      this.#models(report.models ?? []),
    );
  }

  #facts({ seconds, fps, latency_ms: latency, machine }) {
    const rows = [pair("Time", clock(seconds ?? 0)), pair("Rate", `${number(fps)} frames/s`)];
    if (latency) rows.push(pair("Latency", `${number(latency.p50, 0)} ms · p95 ${number(latency.p95, 0)} · p99 ${number(latency.p99, 0)}`));
    if (machine?.cpu) rows.push(pair("Machine", [machine.cpu.name ?? machine.cpu, machine.gpu?.name ?? machine.gpu].filter((item) => typeof item === "string").join(", ")));
    return h("dl", { class: "facts" }, ...rows);
  }

  #frames({ accepted, output, blanked, dropped, rejected }) {
    const lost = typeof dropped === "object" && dropped ? Object.entries(dropped).filter(([, count]) => count) : [];
    const rows = [pair("Came in", number(accepted)), pair("Shown or written", number(output))];
    if (blanked) rows.push(pair("Blanked", number(blanked)));
    for (const [stage, count] of lost) rows.push(pair(`Dropped at ${stage}`, number(count)));
    if (!lost.length) rows.push(pair("Dropped", typeof dropped === "number" ? number(dropped) : "none"));
    if (rejected) rows.push(pair("Rejected", number(rejected)));
    return h("section", {}, h("h3", {}, "Frames"), h("dl", { class: "facts" }, ...rows));
  }

  #stages(stages) {
    const head = ["Stage", "ms p50", "p95", "×", "restarts"].map((words) => h("th", { scope: "col" }, words));
    const rows = Object.entries(stages).map(([name, stage]) =>
      h("tr", {}, h("th", { scope: "row" }, title(name)), ...[number(stage.busy_ms?.p50), number(stage.busy_ms?.p95), stage.workers, stage.restarts].map((item) => h("td", { class: "num" }, String(item ?? "–")))),
    );
    return h("section", {}, h("h3", {}, "Stages"), h("table", { class: "table" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
  }

  #models(models) {
    if (!models.length) return "";
    return h("section", {}, h("h3", {}, "Models"), h("ul", { class: "plain" }, ...models.map((model) => h("li", {}, [model.name, model.engine, model.device, model.precision].filter(Boolean).join(" · ")))));
  }
}
