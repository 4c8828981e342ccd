// What kind of control a JSON schema asks for; knows no element.

/** All that a value may be, without the nesting. */
function alternatives(schema) {
  const found = [];
  for (const part of schema.anyOf ?? schema.oneOf ?? [schema]) {
    if (part.anyOf || part.oneOf) found.push(...alternatives(part));
    else found.push(part);
  }
  return found;
}

const isNumber = (part) => part.type === "number" || part.type === "integer";

function range(part) {
  const whole = part.type === "integer";
  const low = part.minimum ?? part.exclusiveMinimum;
  const high = part.maximum ?? part.exclusiveMaximum;
  const step = part.multipleOf ?? (whole ? 1 : Number.isFinite(high - low) ? nice((high - low) / 100) : "any");
  const pad = step === "any" ? 0 : step;
  return {
    whole,
    step,
    min: low === undefined ? null : part.minimum === undefined ? low + pad : low,
    max: high === undefined ? null : part.maximum === undefined ? high - pad : high,
  };
}

/** 0.0023 -> 0.002: 1, 2 or 5 times a power of ten. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const times = value / power;
  return Number(((times >= 5 ? 5 : times >= 2 ? 2 : 1) * power).toPrecision(1));
}

/** {kind: "switch" | "select" | "number" | "list" | "colour" | "table" | "text", nullable, choices, range, suggestions} */
export function controlFor(schema) {
  const parts = alternatives(schema);
  const nullable = parts.some((part) => part.type === "null");
  const real = parts.filter((part) => part.type !== "null");
  const choices = real.flatMap((part) => part.enum ?? ("const" in part ? [part.const] : []));
  const open = real.filter((part) => !part.enum && !("const" in part));
  const list = open.find((part) => part.type === "array");
  const numeric = open.find(isNumber);
  if (open.some((part) => part.type === "object")) return { kind: "table", nullable };
  if (list?.items?.maximum === 255 && list.minItems === 3 && list.maxItems === 3) return { kind: "colour", nullable };
  if (list) return { kind: "list", nullable, suggestions: list.items?.enum ?? list.items?.examples ?? schema.examples ?? [], only: Boolean(list.items?.enum), least: list.minItems ?? 0 };
  if (open.some((part) => part.type === "boolean") && !numeric) return { kind: "switch", nullable };
  if (!open.length && choices.length) return { kind: "select", nullable, choices };
  if (numeric && !open.some((part) => part.type === "string")) return { kind: "number", nullable, choices, range: range(numeric) };
  return { kind: "text", nullable, choices, numeric: Boolean(numeric) };
}
