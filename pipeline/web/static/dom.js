// Makes elements. Text stays text: nothing here, or elsewhere on the page, is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `on…` are listeners, `style` an object, `data` the data set; what is null or false is left out. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, item] of Object.entries(value)) element.style.setProperty(key, item);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "indeterminate") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** A picture of the sprite; it says nothing to a screen reader. */
export function icon(name) {
  const element = svg("svg", { class: "icon", "aria-hidden": "true", focusable: "false" });
  element.append(svg("use", { href: `/static/icons.svg#${name}` }));
  return element;
}

/** A button that is only a picture: its label is its tooltip too. */
export function iconButton(name, label, onclick, props = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...props }, icon(name));
}

export function button(label, onclick, { look = "", picture = null, ...props } = {}) {
  return h("button", { type: "button", class: `button ${look}`.trim(), onclick, ...props }, picture && icon(picture), h("span", {}, label));
}

/** Changes the text only where it differs, so that nothing is announced or laid out for nothing. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

let numbers = 0;

/** An id that no other element has. */
export function freshId(prefix) {
  numbers += 1;
  return `${prefix}-${numbers}`;
}
