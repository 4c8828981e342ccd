// How numbers, sizes and states are put into words.

export const STATES = {
  starting: "Starting",
  running: "Live",
  reconnecting: "Reconnecting",
  waiting: "Waiting",
  paused: "Paused",
  stopping: "Stopping",
  ended: "Ended",
  failed: "Failed",
};

export const VIEWS = { input: "Input", result: "Result", overlay: "Overlay", mask: "Mask" };

/** Of a coded picture: "31.2 dB region, 28.0 background · 576 kbit/s · 0.10x"; what was not measured is left out. */
export function figures({ region_psnr: region, background_psnr: background, kbps, ratio }) {
  const parts = [[region, "region"], [background, "background"]].filter(([value]) => Number.isFinite(value));
  const quality = parts.map(([value, name], at) => `${value.toFixed(1)}${at ? "" : " dB"} ${name}`).join(", ");
  return [quality, Number.isFinite(kbps) ? `${Math.round(kbps)} kbit/s` : "", Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : ""].filter(Boolean).join(" \u00b7 ");
}

export function over(state) {
  return state === "ended" || state === "failed";
}

export function bytes(count) {
  if (!Number.isFinite(count)) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let size = count;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${at && size < 100 ? size.toFixed(1) : Math.round(size)} ${units[at]}`;
}

/** 75 -> "1:15"; hours only where there are some. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function number(value, digits = 1) {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
}

const NAMES = { iou: "Overlap (IoU)", crf: "Quality (CRF)", fps: "Frame rate" };

/** "deadline_ms" -> "Deadline (ms)", "live-camera" -> "Live camera". */
export function title(name) {
  if (NAMES[name]) return NAMES[name];
  const words = name.replace(/[_-]+/g, " ").trim();
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return text.replace(/ (ms|gb)$/i, (_, unit) => ` (${unit.toLowerCase() === "gb" ? "GB" : unit})`);
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export function sizeAndRate({ width, height, rate, seconds }) {
  const parts = [];
  if (width && height) parts.push(`${width} × ${height}`);
  if (rate) parts.push(`${Number(Number(rate).toFixed(2))} fps`);
  if (seconds) parts.push(clock(seconds));
  return parts.join(" · ");
}

/** {plate: 0.45} -> "plate: 0.45". */
export function tabled(item) {
  return Object.entries(item ?? {}).map(([name, number]) => `${name}: ${number}`).join(", ");
}

export function value(item) {
  if (item === null || item === undefined) return "none";
  if (typeof item === "boolean") return item ? "on" : "off";
  if (typeof item === "object" && !Array.isArray(item)) return tabled(item) || "none";
  return Array.isArray(item) ? item.join(", ") || "none" : String(item);
}
