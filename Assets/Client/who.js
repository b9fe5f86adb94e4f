// Who is signed in: asks the server (GET /_sync/session), and remembers the answer in localStorage, so
// that a page opens without a network as the person it opened as last. The tabs of a browser hear of
// each change by the storage event. Nothing here proves anything: the server does, at each request.
//
// Somebody may have signed out by a plain form, and what is theirs is still here, because the browser holds
// sealed edits of others: a cookie says whose it is, and it goes as soon as a page asks who is signed in.

import { forgetLeft } from "./device.js";

const leftCookie = "mizu-left";
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
  if (baseURL === "") await takeLeft(isSomebody ? told.user : null);
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

/** Takes from this device what the person has left whom the cookie names, unless they are back. */
async function takeLeft(user) {
  if (typeof document === "undefined") return;
  try {
    const left = document.cookie.split("; ").find((one) => one.startsWith(`${leftCookie}=`));
    if (!left) return;
    const other = decodeURIComponent(left.slice(leftCookie.length + 1));
    if (other !== "" && other !== user) await forgetLeft("", other);
    document.cookie = `${leftCookie}=; Path=/; Max-Age=0`;
  } catch (error) {
    console.warn("mizu: what somebody has left here is still here:", error); // the next page tries again
  }
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
