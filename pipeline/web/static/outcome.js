// What an ended run made, shown in the browser where it can.

import { api } from "./api.js";
import { h } from "./dom.js";

const PICTURES = /\.(png|jpe?g|webp|bmp)$/i;
const FILMS = /\.(mp4|webm|mov|mkv)$/i;

/** An element for the first whole result, or null. */
export function resultOf(id, files) {
  const file = files.find((one) => one.complete && one.kind === "result") ?? files.find((one) => one.complete);
  if (!file) return null;
  const src = api.fileUrl(id, file.name);
  if (PICTURES.test(file.name)) return h("img", { src, alt: `Result: ${file.name}` });
  if (FILMS.test(file.name)) return h("video", { src, controls: true, playsinline: true, preload: "metadata", "aria-label": `Result: ${file.name}` });
  return null;
}
