// The line above the stage: what the session is called, how it is, and how it is stopped.

import { button, h, icon, iconButton, put, show } from "./dom.js";
import { STATES, clock, over } from "./text.js";

const SOON = 300; // seconds left from which they are shown with weight

export class Heading {
  /** `acts`: rename(title), pause, stop, restart, pin, remove, send */
  constructor(acts) {
    this.name = h("input", { class: "session-title", "aria-label": "Title of this session", maxlength: "80", spellcheck: "false", onchange: () => acts.rename(this.name.value.trim()) });
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && this.name.blur());
    this.state = h("span", { class: "state", role: "status" }, h("span", { class: "dot" }), h("span", { class: "state-words" }));
    this.source = h("span", { class: "session-source" });
    this.left = h("span", { class: "session-left", title: "Time until this session is ended by the server" });
    this.link = h("span", { class: "session-link", role: "status" });
    this.pause = iconButton("pause", "Pause (space)", acts.pause);
    this.stop = button("Stop", acts.stop, { picture: "stop", class: "button stop" });
    this.restart = button("Restart", acts.restart, { picture: "restart" });
    this.send = button("Connect camera", acts.send, { picture: "browser", look: "primary" });
    this.pin = iconButton("pin", "Keep it running when this page is closed (p)", acts.pin, { "aria-pressed": "false" });
    this.remove = iconButton("trash", "Remove this session", acts.remove);
    this.element = h(
      "header",
      { class: "session-head" },
      h("div", { class: "session-names" }, this.name, h("div", { class: "session-facts" }, this.state, this.source, this.left, this.link)),
      h("div", { class: "session-acts" }, this.send, this.pause, this.stop, this.restart, this.pin, this.remove),
    );
  }

  update(info, sendsCamera) {
    if (document.activeElement !== this.name && this.name.value !== info.title) this.name.value = info.title;
    this.state.className = `state ${info.state}`;
    put(this.state.lastChild, STATES[info.state] ?? info.state);
    put(this.source, info.source?.label ?? "");
    const ended = over(info.state);
    const paused = info.state === "paused";
    show(this.pause, ["running", "paused", "reconnecting"].includes(info.state));
    this.pause.replaceChildren(icon(paused ? "play" : "pause"));
    this.pause.setAttribute("aria-label", paused ? "Go on" : "Pause");
    this.pause.title = paused ? "Go on (space)" : "Pause (space)";
    show(this.stop, !ended);
    this.stop.disabled = info.state === "stopping";
    show(this.restart, true);
    this.restart.disabled = info.state === "stopping" || info.state === "starting";
    show(this.send, Boolean(info.whip) && !ended && !sendsCamera);
    show(this.pin, !ended);
    this.pin.setAttribute("aria-pressed", String(Boolean(info.pinned)));
    this.seconds(ended ? null : info.seconds_left);
  }

  seconds(left) {
    const known = Number.isFinite(left);
    show(this.left, known);
    if (known) put(this.left, `${clock(left)} left`);
    this.left.classList.toggle("soon", known && left < SOON);
  }

  /** The connection of the page to the server; empty while it stands. */
  connection({ open, wait = 0 }) {
    put(this.link, open ? "" : `Connection lost; next attempt in ${Math.max(1, Math.round(wait))} s`);
  }
}
