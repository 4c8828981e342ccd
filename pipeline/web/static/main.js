// The page: logs in, lists what runs, and shows the start panel or one session.

import { api, onLoggedOut } from "./api.js";
import { button, h, icon, iconButton } from "./dom.js";
import { listen, showKeys } from "./keys.js";
import { logIn } from "./login.js";
import { complain, notice, sentence } from "./notices.js";
import { Session } from "./session.js";
import { Start } from "./start.js";
import { Tabs } from "./tabs.js";
import { themeButton } from "./theme.js";

const place = document.getElementById("main");
const sessions = new Map();
let start = null;
let tabs = null;
let about = {};
let pipelines = [];
let present = null; // id of the session that is shown; null: the start panel

function theme() {
  document.querySelector(".theme").click();
}

function go(id) {
  present = id !== null && sessions.has(id) ? id : null;
  start.setVisible(present === null);
  for (const [name, session] of sessions) session.setVisible(name === present);
  const hash = present ? `#${present}` : "";
  if (location.hash !== hash) history.replaceState(null, "", location.pathname + location.search + hash);
  tabs.update(sessions, present);
  document.title = present ? `${sessions.get(present).info.title} · Cleanplate` : "Cleanplate";
  window.scrollTo(0, 0);
}

function add(info, stream = null) {
  const session = new Session(info, { webrtc: about.webrtc, offer: pipelines.find(({ name }) => name === info.pipeline) });
  sessions.set(info.id, session);
  place.append(session.element);
  session.addEventListener("change", () => tabs.update(sessions, present));
  session.addEventListener("gone", () => drop(info.id));
  if (stream) session.sendCamera(stream);
  return session;
}

function drop(id) {
  const session = sessions.get(id);
  if (!session) return;
  const ids = [...sessions.keys()];
  const next = ids[ids.indexOf(id) + 1] ?? ids[ids.indexOf(id) - 1] ?? null;
  session.close();
  sessions.delete(id);
  if (present === id) go(next);
  else tabs.update(sessions, present);
}

function step(by) {
  const ids = [null, ...sessions.keys()];
  go(ids[(ids.indexOf(present) + by + ids.length) % ids.length]);
  return true;
}

const ACTS = { help: showKeys, new: () => go(null), previous: () => step(-1), next: () => step(1), theme };

function act(name) {
  if (ACTS[name]) {
    ACTS[name]();
    return true;
  }
  return present ? sessions.get(present).act(name) : false;
}

function foot() {
  const { version, licence, source, machine } = about;
  const facts = machine ? [machine.gpu ?? "no GPU", `${machine.cpu} cores`] : [];
  document.getElementById("bottom").replaceChildren(
    h("span", {}, `Cleanplate ${version ?? ""}`),
    h("span", {}, licence ?? ""),
    source ? h("a", { href: source, rel: "noopener noreferrer", target: "_blank" }, "Source code") : "",
    h("span", { class: "bottom-machine" }, facts.join(" · ")),
    h("button", { type: "button", class: "link-button", onclick: showKeys }, h("kbd", {}, "?"), " Keyboard"),
  );
}

/** For tests, and for measuring how late a picture is: what the shown session drew. */
function expose() {
  const painter = () => sessions.get(present)?.painter;
  const view = Object.create(null, {
    lastHead: { get: () => painter()?.lastHead ?? null, enumerable: true },
    framesDrawn: { get: () => painter()?.framesDrawn ?? 0, enumerable: true },
    canvases: { get: () => ({ ...painter()?.canvases }), enumerable: true },
  });
  Object.defineProperty(window, "cleanplate", { value: Object.freeze(view), writable: false, configurable: false });
}

async function open() {
  const running = await api.sessions();
  [pipelines, about] = await Promise.all([api.pipelines(), api.about()]);
  for (const session of sessions.values()) session.close();
  sessions.clear();
  start = new Start(about, pipelines, (info, stream, first) => {
    add(info, stream);
    if (first) go(info.id);
    else tabs.update(sessions, present);
  });
  place.replaceChildren(start.element);
  for (const info of running) add(info);
  const asked = location.hash.slice(1);
  go(sessions.has(asked) ? asked : (running.at(-1)?.id ?? null));
  foot();
}

function unreachable(error) {
  place.replaceChildren(h("div", { class: "login" }, h("span", { class: "login-mark" }, icon("warn")), h("h1", {}, "The page cannot start"), h("p", { class: "hint" }, sentence(error.message)), button("Try again", () => begin(), { look: "primary", picture: "restart" })));
}

async function begin() {
  try {
    await logIn(place);
    await open();
  } catch (error) {
    unreachable(error);
  }
}

tabs = new Tabs(document.getElementById("tabs"), (id) => start && go(id));
document.getElementById("top-actions").replaceChildren(themeButton(), iconButton("help", "Keyboard (?)", showKeys));
listen((name) => Boolean(start) && act(name));
document.addEventListener("keydown", (event) => event.key === "Escape" && present && sessions.get(present).act("escape"));
window.addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) begin();
  else if (start) go(location.hash.slice(1) || null);
});
let again = false;
onLoggedOut(() => {
  if (again) return;
  again = true;
  notice("The server no longer knows this browser: it may have been restarted", "bad");
  begin().finally(() => (again = false));
});
window.addEventListener("unhandledrejection", (event) => complain(event.reason));
expose();
begin();
