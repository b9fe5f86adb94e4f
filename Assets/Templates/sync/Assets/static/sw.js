// The service worker: lets the page open without a network. Served as /sw.js with scope "/".
// It keeps one shell, the page with all of its assets, and replaces it as a whole, so that a page
// never meets modules of another version. While the server answers, everything comes from it
// (assets carry an ETag, so that costs a 304); where it does not, page and assets come from the
// shell. Data is no business of this file: /_sync, /api, /ws and forms pass it by.

const shellName = "mizu-shell-1"; // raise it when what is kept here changes its meaning
const marker = 'name="mizu-shell"'; // tells our page from a captive portal's
const patienceMs = 2500; // for a server that accepts connections and says nothing
const refillMs = 60_000; // how soon a visit makes the shell anew
const offlineForMs = 30_000; // after a page came from the shell its assets do too

const page = "/";
const assets = [
  "/static/css/app.css",
  "/static/img/mizu.svg",
  ...[
    "app", "exchange", "lane", "live-client", "local-store", "memory-storage", "mutation-queue",
    "random-id", "reachability", "replay", "rounds", "snapshot", "storage", "sync-client",
    "sync-core", "sync-status-view", "toast", "todo-appliers", "todo-list-view", "turn",
  ].map((name) => `/static/js/${name}.js`),
];

let shellUntil = 0;
let filledAt = 0;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fillShell());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("mizu-shell-") && name !== shellName) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === page) event.respondWith(answerPage(event));
  else if (url.pathname.startsWith("/static/")) event.respondWith(answerAsset(request));
});

/** The server's page if it comes in time, else the shell's; without a shell, whatever comes. */
async function answerPage(event) {
  const coming = fetch(event.request);
  try {
    const response = await inTime(coming);
    if (response.status >= 502 && response.status <= 504) throw new Error("only a proxy answers");
    // The page is new, so its assets may be: the shell follows, all of it or nothing.
    const isDue = Date.now() > filledAt + refillMs;
    if (response.ok && isDue) event.waitUntil(fillShell().catch(() => {}));
    return response;
  } catch {
    const kept = await (await caches.open(shellName)).match(page);
    if (!kept) return coming;
    shellUntil = Date.now() + offlineForMs;
    return kept;
  }
}

async function answerAsset(request) {
  const shell = await caches.open(shellName);
  if (Date.now() < shellUntil) {
    const kept = await shell.match(request, { ignoreSearch: true });
    if (kept) return kept;
  }
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await shell.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

/** Fetches the page and all assets, and only then puts them in the place of those before. */
async function fillShell() {
  filledAt = Date.now();
  const addresses = [page, ...assets];
  const responses = await Promise.all(addresses.map((address) =>
    fetch(address, { cache: "no-cache", credentials: "same-origin" })));
  if (!responses.every((response) => response.ok && !response.redirected)) {
    throw new Error("the shell is not whole");
  }
  const text = await responses[0].clone().text();
  if (!text.includes(marker)) throw new Error("this is not our page");
  const shell = await caches.open(shellName);
  await Promise.all(addresses.map((address, index) => shell.put(address, responses[index])));
}

function inTime(promise) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no answer in time")), patienceMs);
    promise.then(resolve, reject);
  });
}
