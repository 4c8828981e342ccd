// Questions and sheets above the page, with the browser's own dialog element: focus and Escape are its business.

import { button, h, iconButton } from "./dom.js";

/** A sheet with a heading; gives the dialog, which is gone once it is closed. */
export function sheet(heading, ...content) {
  const dialog = h(
    "dialog",
    { class: "sheet", "aria-label": heading, onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
    h("div", { class: "sheet-in" }, h("header", { class: "sheet-head" }, h("h2", { tabindex: "-1", autofocus: true }, heading), iconButton("close", "Close", () => dialog.close())), ...content),
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Whether the answer was yes. */
export function ask(question, detail, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = sheet(
      question,
      h("p", { class: "sheet-text" }, detail),
      h(
        "div",
        { class: "sheet-actions" },
        button("Cancel", () => dialog.close()),
        button(yes, () => {
          answer = true;
          dialog.close();
        }, { look: "danger" }),
      ),
    );
    dialog.addEventListener("close", () => resolve(answer));
  });
}
