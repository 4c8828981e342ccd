// The divider between two pictures: dragged, or moved with the arrow keys.

import { h } from "./dom.js";

export class Divider {
  #share = 50;

  constructor(moved) {
    this.moved = moved;
    this.element = h("div", { class: "divider", role: "slider", tabindex: "0", "aria-orientation": "horizontal", "aria-valuemin": "0", "aria-valuemax": "100" }, h("span", { class: "divider-grip" }));
    this.element.addEventListener("pointerdown", (event) => this.take(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.set(50);
  }

  names(first, second) {
    this.element.setAttribute("aria-label", `Divider: ${first} on the left, ${second ?? first} on the right`);
  }

  get share() {
    return this.#share;
  }

  set(share) {
    this.#share = Math.min(100, Math.max(0, share));
    const whole = Math.round(this.#share);
    this.element.setAttribute("aria-valuenow", String(whole));
    this.element.setAttribute("aria-valuetext", `${whole} percent`);
    this.moved(this.#share);
  }

  /** Follow a pointer until it is lifted. */
  take(event) {
    event.preventDefault();
    const box = this.element.parentElement;
    const follow = ({ clientX }) => {
      const { left, width } = box.getBoundingClientRect();
      this.set(((clientX - left) / width) * 100);
    };
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    this.element.addEventListener("pointermove", follow);
    const end = () => this.element.removeEventListener("pointermove", follow);
    this.element.addEventListener("pointerup", end, { once: true });
    this.element.addEventListener("pointercancel", end, { once: true });
  }

  #key(event) {
    const step = event.shiftKey ? 10 : 2;
    const to = { ArrowLeft: this.#share - step, ArrowRight: this.#share + step, Home: 0, End: 100 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.set(to);
  }
}
