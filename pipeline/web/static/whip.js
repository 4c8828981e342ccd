// This browser's camera: opened, shown, and sent to a session over WebRTC.

import { connect } from "./peer.js";

const sending = new Map(); // session -> {stream, hangUp}

/** Why a browser does not give its camera away here; null where it does. */
export function cameraTrouble() {
  if (!window.isSecureContext) return "Browsers give their camera to pages over HTTPS or on localhost only. Start the server with a certificate (--tls-cert, --tls-key), or open the page on the machine itself.";
  if (!navigator.mediaDevices?.getUserMedia) return "This browser has no camera to give.";
  return null;
}

const REASONS = {
  NotAllowedError: "the browser was not allowed to use the camera; allow it beside the address, and try again",
  NotFoundError: "no camera was found on this device",
  NotReadableError: "the camera is in use by another program",
  OverconstrainedError: "the camera that was chosen is gone",
};

export async function openCamera(deviceId) {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: false, video: { deviceId: deviceId ? { exact: deviceId } : undefined, width: { ideal: 1280 }, height: { ideal: 720 } } });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `the camera cannot be opened: ${error.message}`);
  }
}

export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput");
}

export function sends(id) {
  return sending.has(id);
}

/** Send `stream` to the session until it ends, or `stopSending`. */
export async function send(id, stream, broke) {
  await stopSending(id, false);
  const peer = new RTCPeerConnection();
  for (const track of stream.getVideoTracks()) {
    track.contentHint = "motion";
    peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
  }
  peer.onconnectionstatechange = () => peer.connectionState === "failed" && sending.get(id)?.peer === peer && broke();
  const hangUp = await connect(peer, id, "whip");
  sending.set(id, { stream, hangUp, peer });
}

export async function stopSending(id, release = true) {
  const one = sending.get(id);
  sending.delete(id);
  if (!one) return;
  if (release) for (const track of one.stream.getTracks()) track.stop();
  await one.hangUp();
}
