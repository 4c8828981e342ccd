// WebRTC from the server: the result, and the input beside it where it may be seen, drawn as they come.

import { h } from "./dom.js";
import { connect } from "./peer.js";

export class Whep {
  #hangUp = null;
  #videos = [];

  /** `draw(view, video)` gets each picture; `lost()` is called when the connection breaks. */
  constructor(id, views, draw, lost) {
    Object.assign(this, { id, views, draw, lost });
  }

  async open() {
    const peer = new RTCPeerConnection();
    this.peer = peer;
    for (const _ of this.views) peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = ({ track, transceiver }) => this.#film(this.views[peer.getTransceivers().indexOf(transceiver)], track);
    peer.onconnectionstatechange = () => ["failed", "disconnected"].includes(peer.connectionState) && this.peer && this.lost();
    this.#hangUp = await connect(peer, this.id, "whep");
    if (!this.peer) await this.#hangUp();
  }

  async close() {
    this.peer = null;
    for (const video of this.#videos) video.srcObject = null;
    this.#videos = [];
    await this.#hangUp?.();
  }

  #film(view, track) {
    const video = h("video", { muted: true, autoplay: true, playsinline: true });
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    this.#videos.push(video);
    const next = () => {
      if (!this.peer) return;
      if (video.videoWidth) this.draw(view, video);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    video.play().catch(() => {}); // muted: it is allowed; a track that ends meanwhile is no trouble
  }
}
