// Who is signed in: asks the server (GET /_sync/session), and remembers the answer in localStorage, so
// that a page opens without a network as the person it opened as last. The tabs of a browser hear of
// each change by the storage event. Nothing here proves anything: the server does, at each request.

const sessionTimeoutMs = 10_000;
const keyOf = (baseURL) => `mizu-user:${baseURL}`;

/**
 * Resolves to who is signed in; never rejects.
 * @param {string} baseURL the server; "" is the page's own origin
 * @returns {Promise<{user: string|null, name: string|null, deviceKeys: string[], source: string}>}
 *   `source` is "server"; or "device" if the server did not answer: then it is the one remembered; or
 *   "unsupported" if the server has no accounts
 */
export async function whoAmI({ baseURL = "" } = {}) {
  const told = await asked(baseURL);
  const nobody = { user: null, name: null, deviceKeys: [] };
  if (told === null) return { ...nobody, ...rememberedUser(baseURL), source: "device" };
  if (told === undefined) return { ...nobody, source: "unsupported" };
  const isSomebody = typeof told.user === "string" && told.user !== "";
  if (!isSomebody) {
    rememberUser(baseURL, null);
    return { ...nobody, source: "server" };
  }
  const name = typeof told.name === "string" ? told.name : null;
  const keys = Array.isArray(told.device_keys) ? told.device_keys : [];
  rememberUser(baseURL, { user: told.user, name });
  const deviceKeys = keys.filter((key) => typeof key === "string");
  return { user: told.user, name, deviceKeys, source: "server" };
}

/** Returns {user, name} of the one who was signed in here last, or null. */
export function rememberedUser(baseURL) {
  try {
    return parsed(localStorage.getItem(keyOf(baseURL)));
  } catch {
    return null;
  }
}

/** Remembers {user, name}, or that it is nobody; the other tabs hear it. */
export function rememberUser(baseURL, one) {
  try {
    if (one) localStorage.setItem(keyOf(baseURL), JSON.stringify(one));
    else localStorage.removeItem(keyOf(baseURL));
  } catch { /* no storage: then nobody is remembered */ }
}

/**
 * Calls `heard({user, name} or null)` when another tab has remembered another user, or nobody.
 * @param {AbortSignal} signal ends it
 */
export function watchUser(baseURL, heard, signal) {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === keyOf(baseURL) || key === null) heard(key === null ? null : parsed(newValue));
  }, { signal });
}

/** Returns the server's answer, null without one, undefined if it has none to give. */
async function asked(baseURL) {
  try {
    const response = await fetch(`${baseURL.replace(/\/+$/, "")}/_sync/session`, {
      headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store",
      redirect: "error", signal: AbortSignal.timeout(sessionTimeoutMs),
    });
    if (response.status === 404) return undefined;
    const body = response.ok ? await response.json() : null;
    return body !== null && typeof body === "object" && "user" in body ? body : null;
  } catch {
    return null;
  }
}

function parsed(text) {
  try {
    const one = JSON.parse(text);
    return typeof one?.user === "string" ? { user: one.user, name: one.name ?? null } : null;
  } catch {
    return null;
  }
}
