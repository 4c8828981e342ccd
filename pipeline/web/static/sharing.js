// What leaves the page: pictures as files, addresses for other programs.

import { api } from "./api.js";
import { sheet } from "./dialogs.js";
import { button, h } from "./dom.js";
import { complain, notice } from "./notices.js";
import { VIEWS } from "./text.js";

/** The full-size picture of what is looked at; of several the result. */
export async function snapshot(id, views, info) {
  const view = views.includes("result") ? "result" : views[0];
  try {
    const response = await fetch(api.snapshotUrl(id, view), { cache: "no-store" });
    if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? `no picture: the server answered ${response.status}`);
    const url = URL.createObjectURL(await response.blob());
    const stamp = new Date().toISOString().replace(/[:.]/g, "-").slice(0, 19);
    const name = `${info.title.replace(/[^\p{L}\p{N}]+/gu, "-")}-${stamp}.jpg`;
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    notice(`Saved ${name}`, "good");
  } catch (error) {
    complain(error);
  }
}

export function share(id, info, webrtc) {
  const rows = info.views.map((view) => [`${VIEWS[view]}, Motion JPEG`, api.streamUrl(id, view)]);
  if (webrtc) rows.push(["WHEP (WebRTC)", api.whepUrl(id)]);
  sheet(
    "Addresses for other programs",
    h("p", { class: "sheet-text" }, "Who asks needs to be logged in: a program sends Authorization: Bearer with a token that it gets from POST /api/login."),
    h("div", { class: "addresses" }, ...rows.map(([words, url]) => address(words, url))),
  );
}

function address(words, url) {
  const field = h("input", { readonly: true, value: url, "aria-label": words, onfocus: () => field.select() });
  const copy = button("Copy", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(url);
      copy.lastChild.textContent = "Copied";
    } catch {
      copy.lastChild.textContent = "Press Ctrl C";
    }
  }, { picture: "copy" });
  return h("div", { class: "address" }, h("span", { class: "label" }, words), h("div", { class: "address-line" }, field, copy));
}
