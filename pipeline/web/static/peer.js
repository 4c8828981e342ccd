// What WHEP and WHIP have in common: one offer with all its candidates, one answer, one address to hang up.

import { api } from "./api.js";

const GATHER = 2000; // ms; candidates of this machine are there at once

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHER);
  });
}

/** Agree with the server; gives what ends the connection. Closes it where that fails. */
export async function connect(peer, id, way) {
  try {
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const { sdp, location } = await api.offer(id, way, peer.localDescription.sdp);
    await peer.setRemoteDescription({ type: "answer", sdp });
    const leave = () => location && api.leave(location); // else the server waits half a minute for who has gone
    window.addEventListener("pagehide", leave);
    return async () => {
      window.removeEventListener("pagehide", leave);
      if (location) await api.hangUp(location).catch(() => {}); // the server clears away what does not answer
      peer.close();
    };
  } catch (error) {
    peer.close();
    throw error;
  }
}
