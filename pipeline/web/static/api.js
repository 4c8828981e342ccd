// The server's routes as functions. What the server refuses is an ApiError with its own words.

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const lost = new Set();

/** Call `listener` when the server no longer knows this browser. */
export function onLoggedOut(listener) {
  lost.add(listener);
}

async function refusal(response) {
  try {
    const { error } = await response.json();
    if (typeof error === "string" && error) return error;
  } catch {
    // not our JSON: the status has to do
  }
  return `the server answered ${response.status}; try again, and look at its log if that stays`;
}

async function request(method, path, body, headers = {}) {
  let response;
  const options = { method, headers: { ...headers }, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.body = typeof body === "string" ? body : JSON.stringify(body);
    options.headers["Content-Type"] ??= "application/json";
  }
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, "the server does not answer; is it still running?");
  }
  if (!response.ok) {
    const error = new ApiError(response.status, await refusal(response));
    if (response.status === 401 && path !== "/api/login") for (const listener of lost) listener();
    throw error;
  }
  return response;
}

async function json(method, path, body) {
  const response = await request(method, path, body);
  if (response.status === 204) return null;
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

const of = (id, rest = "") => `/api/sessions/${encodeURIComponent(id)}${rest}`;

export const api = {
  about: () => json("GET", "/api/about"),
  login: (token) => json("POST", "/api/login", token ? { token } : {}),
  logout: () => json("POST", "/api/logout", {}),
  pipelines: () => json("GET", "/api/pipelines"),
  cameras: () => json("GET", "/api/cameras"),
  probe: (source) => json("POST", "/api/probe", { source }),
  uploads: () => json("GET", "/api/uploads"),
  removeUpload: (id) => json("DELETE", `/api/uploads/${encodeURIComponent(id)}`),
  sessions: () => json("GET", "/api/sessions"),
  create: (wish) => json("POST", "/api/sessions", wish),
  session: (id) => json("GET", of(id)),
  change: (id, values) => json("PATCH", of(id), values),
  remove: (id) => json("DELETE", of(id)),
  stop: (id) => json("POST", of(id, "/stop"), {}),
  restart: (id, wish = {}) => json("POST", of(id, "/restart"), wish),
  pause: (id) => json("POST", of(id, "/pause"), {}),
  resume: (id) => json("POST", of(id, "/resume"), {}),
  set: (id, stage, field, value) => json("POST", of(id, "/set"), { stage, field, value }),
  scale: (id, stage, workers) => json("POST", of(id, "/scale"), { stage, workers }),
  choose: (id, x, y, what = "toggle") => json("POST", of(id, "/choose"), { x, y, do: what }),
  resetChoice: (id) => json("POST", of(id, "/choose/reset"), {}),
  rules: (id, rules, former) => json("PUT", of(id, "/rules"), { rules, former }),
  zones: (id, zones) => json("PUT", of(id, "/zones"), zones),
  record: (id, on) => json("POST", of(id, "/record"), { on }),
  files: (id) => json("GET", of(id, "/files")),
  removeFile: (id, name) => json("DELETE", of(id, `/files/${encodeURIComponent(name)}`)),
  report: (id) => json("GET", of(id, "/report")),
  log: (id) => json("GET", of(id, "/log")),
  fileUrl: (id, name) => of(id, `/files/${encodeURIComponent(name)}`),
  snapshotUrl: (id, view) => of(id, `/snapshot?view=${view}`),
  streamUrl: (id, view) => new URL(of(id, `/stream?view=${view}`), location.href).href,
  whepUrl: (id) => new URL(of(id, "/whep"), location.href).href,
  liveUrl: (id) => new URL(of(id, "/live"), location.href).href.replace(/^http/, "ws"),
  /** Send an offer; gives the answer and the address under which it is taken back. */
  async offer(id, way, sdp) {
    const response = await request("POST", of(id, `/${way}`), sdp, { "Content-Type": "application/sdp" });
    return { sdp: await response.text(), location: response.headers.get("Location") };
  },
  hangUp: (location) => request("DELETE", location),
  /** The same from a page that is about to be gone. */
  leave: (location) => fetch(location, { method: "DELETE", credentials: "same-origin", keepalive: true }).catch(() => {}),
};

/** Send a file as it is; `progress` gets 0..1. The answer's `abort()` breaks it off. */
export function upload(file, progress) {
  const call = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    call.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    call.addEventListener("load", () => {
      let answer = null;
      try {
        answer = JSON.parse(call.responseText);
      } catch {
        // told below
      }
      if (call.status === 201 && answer) resolve(answer);
      else reject(new ApiError(call.status, answer?.error ?? `the server answered ${call.status} to the upload`));
    });
    call.addEventListener("error", () => reject(new ApiError(0, "the upload broke off; try again")));
    call.addEventListener("abort", () => reject(new ApiError(0, "taken back")));
  });
  call.open("POST", "/api/uploads");
  call.setRequestHeader("X-Filename", encodeURIComponent(file.name));
  call.setRequestHeader("Content-Type", "application/octet-stream");
  call.send(file);
  return { done, abort: () => call.abort() };
}
