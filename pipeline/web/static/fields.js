// One control for one field of a stage: each gives {element, get(), set(value)} and calls `changed` with a new value.

import { Chips } from "./chips.js";
import { h, show } from "./dom.js";
import { controlFor } from "./schema.js";
import { tabled, title } from "./text.js";

const LONGEST_SLIDER = 2000; // steps; with more of them a slider says nothing

/** The control for `field`; `id` is for its label, `settled` says that a drag has ended. */
export function control(field, id, changed) {
  const wish = controlFor(field.schema);
  const made = { switch: toggle, select, number: numeric, list, colour, table, text }[wish.kind](wish, id, changed, field);
  made.set(field.value);
  return made;
}

function toggle(_, id, changed) {
  const box = h("input", { type: "checkbox", role: "switch", class: "switch", id, onchange: () => changed(box.checked) });
  return { element: box, inline: true, get: () => box.checked, set: (value) => (box.checked = Boolean(value)) };
}

function select({ choices, nullable }, id, changed) {
  const all = [...(nullable ? [null] : []), ...choices];
  const box = h("select", { id, onchange: () => changed(all[box.selectedIndex]) }, ...all.map((choice) => h("option", {}, choice === null ? "none" : String(choice))));
  return { element: box, inline: true, get: () => all[box.selectedIndex], set: (value) => (box.selectedIndex = Math.max(0, all.indexOf(value))) };
}

function text({ nullable, numeric: maybeNumber }, id, changed) {
  const read = () => {
    const value = box.value.trim();
    if (nullable && value === "") return null;
    return maybeNumber && value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  };
  const box = h("input", { type: "text", id, spellcheck: "false", autocomplete: "off", placeholder: nullable ? "none" : "", onchange: () => changed(read()) });
  return { element: box, get: read, set: (value) => (box.value = value ?? "") };
}

/** Red, green, blue, 0 to 255 each. */
function colour(_, id, changed) {
  const read = () => [1, 3, 5].map((at) => Number.parseInt(box.value.slice(at, at + 2), 16));
  const box = h("input", { type: "color", id, onchange: () => changed(read()) });
  return { element: box, inline: true, get: read, set: (value) => (box.value = `#${(value ?? [0, 0, 0]).map((part) => part.toString(16).padStart(2, "0")).join("")}`) };
}

/** Numbers by names: "plate: 0.45, face: 0.3". What is no number goes as it is, for the server to say so. */
function table(_, id, changed) {
  const read = () => {
    const pairs = box.value.split(",").map((part) => part.split(":").map((word) => word.trim())).filter(([name]) => name);
    return Object.fromEntries(pairs.map(([name, value = ""]) => [name, value !== "" && Number.isFinite(Number(value)) ? Number(value) : value]));
  };
  const box = h("input", { type: "text", id, spellcheck: "false", autocomplete: "off", placeholder: "name: number, …", onchange: () => changed(read()) });
  return { element: box, get: read, set: (value) => (box.value = tabled(value)) };
}

function list({ suggestions, only, least }, id, changed, field) {
  const chips = new Chips({ id, suggestions, only, least, name: title(field.name), changed });
  return { element: chips.element, get: () => chips.values, set: (value) => chips.set(value ?? []) };
}

/** A number, with a slider where it has bounds, and a switch for the word that may stand for it ("auto"). */
function numeric({ range, nullable, choices }, id, changed) {
  const { min, max, step, whole } = range;
  const limits = { min, max, step };
  const word = choices[0] ?? null;
  const sliding = min !== null && max !== null && (max - min) / (step === "any" ? 1 : step) <= LONGEST_SLIDER;
  const box = h("input", { type: "number", id, ...limits, inputmode: whole ? "numeric" : "decimal", placeholder: nullable ? "none" : "", onchange: () => tell(box.value) });
  const slider = sliding && h("input", { type: "range", ...limits, "aria-labelledby": `${id}-label`, oninput: () => tell(slider.value) });
  const auto = word !== null && h("input", { type: "checkbox", class: "switch small", role: "switch", "aria-label": String(word), onchange: () => tell(auto.checked ? word : (box.value || (min ?? 0))) });
  const fill = () => slider && slider.style.setProperty("--fill", `${((slider.value - min) / (max - min)) * 100}%`);

  function read(value) {
    if (value === word && word !== null) return word;
    return value === "" && nullable ? null : Number(value);
  }
  function put(value) {
    const isWord = word !== null && value === word;
    if (auto) auto.checked = isWord;
    box.disabled = isWord;
    if (slider) slider.disabled = isWord;
    if (!isWord) {
      box.value = value ?? "";
      if (slider && value !== null) slider.value = value;
    }
    fill();
  }
  function tell(value) {
    const next = read(value);
    if (next === word && word !== null) put(word);
    else if (value === "" && !nullable) return;
    else put(next);
    changed(next);
  }
  const element = h("div", { class: "number" }, slider, box, auto && h("label", { class: "auto" }, auto, h("span", {}, String(word))));
  if (!slider) element.classList.add("bare");
  show(box, true);
  return { element, get: () => (auto && auto.checked ? word : read(box.value)), set: put };
}
