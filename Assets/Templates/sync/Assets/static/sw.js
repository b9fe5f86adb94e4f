// The service worker: lets the page open without a network. Served as /sw.js with scope "/".
// It keeps one shell, the page with all of its assets, and replaces it as a whole, so that a page
// never meets modules of another version: what belongs to the page is read from the page itself, and
// Mizu's client is named by its version there. While the server answers, everything comes from it
// (assets carry an ETag, so that costs a 304); where it does not, page and assets come from the
// shell. Data is no business of this file: /_sync, /api, /ws and forms pass it by, and the page in
// the shell is nobody's: it is asked for without credentials, and has no data in it.

const prefix = "mizu-shell-3-"; // raise it when what is kept here changes its meaning
const whole = "/.whole"; // put into a shell last: one without it broke while it was being filled
// Tells our page from a captive portal's or a proxy's. A page that drops it must drop this, too.
const marker = 'name="mizu-shell"';
const markerWithin = 16_384; // characters: it stands in the head of the page
const patienceMs = 2500; // for a server that accepts connections and says nothing
const refillMs = 60_000; // how soon a visit makes the shell anew
const offlineForMs = 30_000; // after a page came from the shell its assets do too

const page = "/";
const bare = "/?shell=1"; // the same page without data
// What only the manifest names. All else is named by the page, and by the modules that it loads.
const extras = ["192", "512", "maskable-512"].map((name) => `/static/img/icon-${name}.png`);

let shellUntil = 0;
let filledAt = 0;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fillShell());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("mizu-shell-") && !name.startsWith(prefix)) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

// A page that came without us asks for us.
self.addEventListener("message", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === page) event.respondWith(answerPage(event));
  else if (/^\/(static|_mizu)\//.test(url.pathname)) event.respondWith(answerAsset(request));
});

/** The server's page if it comes in time, else the shell's; without a shell, whatever comes. */
async function answerPage(event) {
  const coming = fetch(event.request);
  try {
    const response = await inTime(coming.then(oursOnly));
    // The page is new, so its assets may be: the shell follows, all of it or nothing.
    const isDue = Date.now() > filledAt + refillMs;
    if (response.ok && isDue) event.waitUntil(fillShell().catch(() => {}));
    shellUntil = 0; // a page of the server gets the server's assets
    return response;
  } catch {
    const kept = await (await shell())?.match(bare);
    if (!kept) return coming;
    shellUntil = Date.now() + offlineForMs;
    return kept;
  }
}

/**
 * Throws for what is not the app's answer: a server's or an edge's 5xx, whatever its number, and a
 * page without our mark. A redirect, a 4xx and what is no page are the app's own business.
 */
async function oursOnly(response) {
  if (response.status >= 500) throw new Error("the app does not answer");
  const isPage = response.ok && (response.headers.get("Content-Type") ?? "").includes("text/html");
  if (isPage && !(await isMarked(response.clone()))) throw new Error("this is not our page");
  return response;
}

/** Reads no further than to the mark: the rest of a long page comes while it is shown. */
async function isMarked(response) {
  if (!response.body) return false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.length < markerWithin) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    if (text.includes(marker)) break;
  }
  reader.cancel().catch(() => {});
  return text.includes(marker);
}

/**
 * The server's file, or the shell's: while the page is the shell's, and where the server has none, for
 * instance because a page of an earlier version asks it for that version's client.
 */
async function answerAsset(request) {
  const kept = async () => (await shell())?.match(request, { ignoreSearch: true });
  if (Date.now() < shellUntil) {
    const found = await kept();
    if (found) return found;
  }
  try {
    const response = await fetch(request);
    return response.ok ? response : (await kept()) ?? response;
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  }
}

/** The newest shell that is whole, or undefined. */
async function shell() {
  for (const name of await shellNames()) {
    const found = await caches.open(name);
    if (await found.match(whole)) return found;
  }
  return undefined;
}

/** The names of all shells, the newest first: each ends with the time at which it was begun. */
async function shellNames() {
  const names = (await caches.keys()).filter((name) => name.startsWith(prefix));
  return names.sort((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)));
}

/** Fetches the page and all assets into a shell of their own; once whole it replaces the others. */
async function fillShell() {
  const before = await shellNames();
  filledAt = Date.now();
  const responses = new Map([[bare, await fetched(bare)]]);
  if (!(await isMarked(responses.get(bare).clone()))) throw new Error("this is not our page");
  let due = [...extras, ...await namedIn(bare, responses.get(bare))];
  while (due.length > 0) {
    const fresh = [...new Set(due)].filter((address) => !responses.has(address));
    const found = await Promise.all(fresh.map(fetched));
    fresh.forEach((address, index) => responses.set(address, found[index]));
    due = (await Promise.all(fresh.map((address, index) => namedIn(address, found[index])))).flat();
  }
  const name = prefix + Math.max(Date.now(), 1 + Number(before[0]?.slice(prefix.length) ?? 0));
  const filled = await caches.open(name);
  try {
    // Most bodies come in only now, so the network may still fail in the middle.
    await Promise.all([...responses].map(([address, response]) => filled.put(address, response)));
    await filled.put(whole, new Response("whole"));
  } catch (error) {
    await caches.delete(name);
    throw error;
  }
  for (const old of before) await caches.delete(old);
}

async function fetched(address) {
  const response = await fetch(address, {
    // The name of a file of the client changes with what is in it (see Mizu's client.md).
    cache: address.startsWith("/_mizu/") ? "default" : "no-cache",
    credentials: address === bare ? "omit" : "same-origin",
  });
  if (!response.ok || response.redirected) throw new Error("the shell is not whole");
  return response;
}

/** The addresses of the files that a page links to, or that a module imports from beside it. */
async function namedIn(address, response) {
  if (address === bare) {
    const html = await response.clone().text();
    return [...html.matchAll(/ (?:href|src)="(\/(?:static|_mizu)\/[^"]+)"/g)].map(([, name]) => name);
  }
  if (!address.endsWith(".js")) return [];
  const text = await response.clone().text();
  return [...text.matchAll(/^(?:import|export) [^;]*?from "(\.\.?\/[^"]+)";/gm)]
    .map(([, name]) => new URL(name, new URL(address, self.location.href)).pathname);
}

function inTime(promise) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no answer in time")), patienceMs);
    promise.then(resolve, reject);
  });
}
