// The access token: asked for where the server wants one, taken from `#token=` where the address brings it.

import { ApiError, api } from "./api.js";
import { button, h, icon, put } from "./dom.js";
import { sentence } from "./notices.js";

/** The token in the address, which is removed from there (and so from the history) at once. */
export function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return found[1];
  }
}

/** Be known to the server: silently where it lets everybody in, else by the form. Resolves once logged in. */
export async function logIn(place) {
  const token = takeToken();
  const about = await api.about();
  if (about.login && !token) return;
  if (about.owner_needed && !token) {
    await form(place, "");
    return;
  }
  try {
    await api.login(token ?? undefined);
  } catch (error) {
    if (!(error instanceof ApiError) || ![400, 401, 403, 429].includes(error.status)) throw error;
    await form(place, token || error.status === 429 ? error.message : "");
  }
}

function form(place, complaint) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "token-hint token-error" });
    const error = h("p", { class: "field-error", id: "token-error", role: "alert" }, sentence(complaint));
    const go = button("Open", null, { look: "primary", type: "submit" });
    const box = h(
      "form",
      {
        class: "login",
        onsubmit: async (event) => {
          event.preventDefault();
          go.disabled = true;
          try {
            await api.login(field.value.trim());
            resolve();
          } catch (problem) {
            put(error, sentence(problem.message));
            field.select();
          }
          go.disabled = false;
        },
      },
      h("span", { class: "login-mark" }, icon("key")),
      h("h1", {}, "Access token"),
      h("p", { class: "hint", id: "token-hint" }, "This server lets in who knows its token. It was printed when the server started, as an address that ends in #token=…"),
      h("label", { class: "label", for: "token" }, "Token"),
      field,
      error,
      go,
    );
    place.replaceChildren(box);
    field.focus();
  });
}
