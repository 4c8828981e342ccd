// The live connection of one session: pictures and numbers in, wishes out; comes back by itself when it breaks.

import { api } from "./api.js";
import { parse } from "./record.js";

const FIRST = 400; // ms until the first new attempt
const LONGEST = 8000;

/** Events: `picture`, `message` (both with `detail`), `link` ({open, wait}: seconds until the next attempt), `gone`. */
export class Live extends EventTarget {
  #id;
  #socket = null;
  #wish = { views: [], width: null, quality: 80 };
  #wait = FIRST;
  #timer = 0;
  #closed = false;

  /** `draw(head, pictures)` shows a picture; the server sends the next one when it has. */
  constructor(id, draw) {
    super();
    this.#id = id;
    this.draw = draw;
  }

  open() {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(api.liveUrl(this.#id));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      this.#wait = FIRST;
      this.#send({ type: "want", ...this.#wish });
      this.#tell("link", { open: true });
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#tell("message", JSON.parse(data)) : this.#show(socket, data));
    socket.onclose = () => socket === this.#socket && this.#broken();
  }

  /** What is wanted from now on; sent only where it differs. */
  want(wish) {
    if (JSON.stringify(wish) === JSON.stringify(this.#wish)) return;
    this.#wish = wish;
    this.#send({ type: "want", ...wish });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  async #show(socket, data) {
    try {
      const { head, pictures } = parse(data);
      await this.draw(head, pictures);
    } finally {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"got"}');
    }
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** A browser does not say why a connection failed: whether the session is still there is asked. */
  async #broken() {
    if (this.#closed) return;
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(LONGEST, this.#wait * 2);
    this.#tell("link", { open: false, wait: wait / 1000 });
    try {
      this.#tell("message", { type: "state", ...(await api.session(this.#id)) });
    } catch (error) {
      if (error.status === 404 || error.status === 401) {
        this.#closed = true;
        this.#tell("gone", error);
        return;
      }
    }
    this.#timer = setTimeout(() => this.open(), wait);
  }
}
