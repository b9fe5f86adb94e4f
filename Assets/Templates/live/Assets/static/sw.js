// The service worker: says honestly that the server is away, where the browser would show a page of
// its own. A counter that is shared has nothing to show without the others, so nothing is kept here
// but that one page with its style, script and picture. While the server answers, all comes from it.

const cacheName = "mizu-offline-1"; // raise it when what is kept here changes
const page = "/static/offline.html";
const assets = [page, "/static/css/app.css", "/static/js/offline.js", "/static/img/mizu.svg"];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("mizu-offline-") && name !== cacheName) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

// A page that came without us asks for us.
self.addEventListener("message", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(answerPage(request));
  else if (request.method === "GET" && assets.includes(pathname)) event.respondWith(answer(request));
});

/** The server's answer, or the page that says that there is none: for a form, too. */
async function answerPage(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(cacheName)).match(page);
    if (!kept) throw error;
    const { headers } = kept;
    return new Response(kept.body, { status: 503, statusText: "Service Unavailable", headers });
  }
}

async function answer(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(cacheName)).match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

async function keep() {
  const cache = await caches.open(cacheName);
  await cache.addAll(assets.map((address) => new Request(address, { cache: "no-cache" })));
}
