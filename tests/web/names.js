// Controls without a name, ids given twice, references to nothing.
() => {
  const named = (element) =>
    element.getAttribute("aria-label") ||
    (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("").trim() ||
    [...(element.labels ?? [])].map((label) => label.textContent).join("").trim() ||
    (["BUTTON", "A", "SUMMARY"].includes(element.tagName) && element.textContent.trim());
  const controls = "a, button, input, select, textarea, summary, [tabindex='0'], [role=slider], [role=tab], [role=radio]";
  const nameless = [...document.querySelectorAll(controls)].filter((element) => element.checkVisibility() && !named(element));
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  const lost = [...document.querySelectorAll("[aria-controls]")].filter((element) => !document.getElementById(element.getAttribute("aria-controls")));
  const low = [...document.querySelectorAll("[role=radiogroup]")].filter((group) => group.checkVisibility() && !group.querySelector("[role=radio], input[type=radio]"));
  return [...nameless, ...lost, ...low].map((element) => element.outerHTML.slice(0, 160)).concat(twice);
}
