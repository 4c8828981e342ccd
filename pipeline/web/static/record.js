// A RECORD of the live connection: u32 length, JSON head, the JPEGs back to back.

const words = new TextDecoder();

/** Head and pictures (name -> Blob). Throws RangeError where the lengths do not fit. */
export function parse(buffer) {
  const size = new DataView(buffer).getUint32(0);
  const head = JSON.parse(words.decode(new Uint8Array(buffer, 4, size)));
  const pictures = new Map();
  let at = 4 + size;
  for (const [name, length] of head.pictures) {
    pictures.set(name, new Blob([new Uint8Array(buffer, at, length)], { type: "image/jpeg" }));
    at += length;
  }
  if (at !== buffer.byteLength) throw new RangeError(`a record of ${buffer.byteLength} bytes says that it has ${at}`);
  return { head, pictures };
}
