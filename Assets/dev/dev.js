// What a page does while `mizu dev` runs its app: waits for events and acts on them. Put into pages by
// the server in debug builds with DEV=true, and nowhere else.
//
//   css     the stylesheet is swapped, the page stays
//   reload  the page is loaded again; scroll and the form's text are kept (keep.js)
//   state   how the build stands: overlay.js shows a failure, panel.js a line

import { keep, restore } from "./keep.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";

const againMs = 150; // after a request without an answer: the next process may be there
const fetchNow = window.fetch.bind(window); // the panel's offline switch is not for us

let after = Number(new URL(import.meta.url).searchParams.get("after")) || 0;
let state = 0;
let polling = null;

restore();
const overlay = new Overlay();
const panel = new Panel();
window.mizuDev = { overlay, panel }; // for the console, and for tests
document.addEventListener("visibilitychange", () => {
  // A browser has six connections for a server: tabs that nobody sees keep none of them.
  if (document.visibilityState === "hidden") polling?.abort();
});
follow();

async function follow() {
  for (;;) {
    await visible();
    try {
      polling = new AbortController();
      const response = await fetchNow(`/_dev/events?after=${after}&state=${state}`, {
        cache: "no-store", signal: polling.signal,
      });
      if (response.status === 404) return; // somebody else serves here now
      if (!response.ok) throw new Error(`status ${response.status}`);
      const body = await response.json();
      act(body);
      if (body.bye) await wait(againMs);
    } catch {
      await wait(againMs);
    }
  }
}

function act({ seq, state: build, events }) {
  after = seq;
  if (build && build.seq !== state) {
    state = build.seq;
    overlay.show(build);
    panel.building(build);
  }
  if (events.some((event) => event.kind === "reload")) {
    keep();
    location.reload();
  } else {
    for (const event of events) if (event.kind === "css") swap(event.paths, event.seq);
  }
}

/** Loads stylesheets anew beside the old ones, which go when the new ones are there. */
function swap(paths, seq) {
  const links = [...document.querySelectorAll('link[rel="stylesheet"]')]
    .filter((link) => new URL(link.href).origin === location.origin && !link.dataset.leaving);
  const names = paths.map((path) => path.split("/").at(-1));
  const named = links.filter((link) => names.includes(new URL(link.href).pathname.split("/").at(-1)));
  // One that no link names may be imported by another.
  for (const link of named.length > 0 ? named : links) {
    const url = new URL(link.href);
    url.searchParams.set("dev", seq);
    const fresh = link.cloneNode();
    fresh.href = url.href;
    link.dataset.leaving = "true";
    fresh.addEventListener("load", () => link.remove(), { once: true });
    fresh.addEventListener("error", () => {
      fresh.remove();
      delete link.dataset.leaving;
    }, { once: true });
    link.after(fresh);
  }
}

function visible() {
  if (document.visibilityState !== "hidden") return undefined;
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
