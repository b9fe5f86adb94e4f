// The service worker: lets the pages open without a network. It keeps one shell, the page without anybody's
// data and all that the page names, and gives it for every page of the app while the server does not answer.
// Data is no business of this file: what a person has is in the storage of Mizu's client.

const shellName = "mizu-shell-1"; // raise it when what is kept here changes its meaning
const bare = "/?shell=1"; // asked for without credentials: nobody's page
const marker = 'name="mizu-shell"'; // tells our page from a captive portal's
const patienceMs = 2500;
const refillMs = 60_000;
let filledAt = 0;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fill());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// A page that came without us asks for us.
self.addEventListener("message", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  const isPage = url.pathname === "/" || url.pathname.startsWith("/lists/");
  if (request.mode === "navigate" && isPage) event.respondWith(page(event));
  else if (/^\/(static|_mizu)\//.test(url.pathname)) event.respondWith(asset(request));
});

/** The server's page if it comes in time, else the shell; without one, whatever comes. */
async function page(event) {
  const coming = fetch(event.request);
  try {
    const response = await inTime(coming);
    if (response.status >= 500) throw new Error("the app does not answer");
    if (Date.now() > filledAt + refillMs) event.waitUntil(fill().catch(() => {}));
    return response;
  } catch {
    return (await caches.match(bare, { cacheName: shellName })) ?? coming;
  }
}

async function asset(request) {
  const kept = () => caches.match(request, { cacheName: shellName, ignoreSearch: true });
  try {
    const response = await inTime(fetch(request));
    return response.ok ? response : (await kept()) ?? response;
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  }
}

/** Fetches the page and what it names, then replaces the shell with all of it and nothing else, or not at all. */
async function fill() {
  filledAt = Date.now();
  const shell = await fetched(bare, "omit");
  const html = await shell.clone().text();
  if (!html.includes(marker)) throw new Error("this is not our page");
  const named = [...html.matchAll(/ (?:href|src)="(\/(?:static|_mizu)\/[^"]+)"/g)].map(([, name]) => name);
  const modules = [...html.matchAll(/"(\/_mizu\/[^"]+\.js)"/g)].map(([, name]) => name);
  const addresses = [...new Set([...named, ...modules])];
  const responses = await Promise.all(addresses.map((address) => fetched(address, "same-origin")));
  const cache = await caches.open(shellName);
  await Promise.all(addresses.map((address, at) => cache.put(address, responses[at])));
  await cache.put(bare, shell);
  const wanted = new Set([bare, ...addresses].map((address) => new URL(address, self.location.origin).href));
  const old = (await cache.keys()).filter((request) => !wanted.has(request.url));
  await Promise.all(old.map((request) => cache.delete(request)));
}

async function fetched(address, credentials) {
  const response = await fetch(address, { credentials, cache: "no-cache" });
  if (!response.ok || response.redirected) throw new Error("the shell is not whole");
  return response;
}

function inTime(promise) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no answer in time")), patienceMs);
    promise.then(resolve, reject);
  });
}
