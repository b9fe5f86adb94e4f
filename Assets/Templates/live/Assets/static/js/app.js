// The counter's page: shows what the server tells on the live topic, and sends what the buttons mean.
// Where there is no connection the buttons are plain forms, as they are without this file.
//
//   button ► push (once, by its id) ► the server ► delta ► every open page
//
// A delta is one step from the position before it. Whatever does not fit (a gap, an error, a server
// that began anew) is answered by asking for the whole state.

import { LiveClient, randomID } from "mizu";

const topic = "sync:_default";
const words = {
  open: "Press a button: every open page shows it.",
  silent: "The server does not answer.",
};

const count = document.querySelector(".count");
const connection = document.querySelector(".connection");

let position = null; // {cursor, epoch} of what is shown
let asking = null;

const live = new LiveClient({
  onMessage: receive,
  onStatus: (status) => {
    connection.textContent = words[status] ?? "Connecting…";
    if (status === "open") ask();
  },
});

document.addEventListener("submit", (event) => {
  const by = Number(event.submitter?.value);
  const sent = live.send({
    type: "push",
    mutations: [{ id: randomID(), name: "counter.add", args: { by } }],
  });
  if (sent) event.preventDefault();
});

live.connect();
// Where the server is away, the page says so by itself; the browser's own error page would not.
navigator.serviceWorker?.register("/sw.js", { scope: "/" }).then(claimed)
  .catch((error) => console.info("mizu: without a page for offline:", error));

function receive({ type, topic: about, payload }) {
  if (type === "error") ask();
  if (about !== topic) return;
  if (type === "sync" && !isShown(payload)) ask();
  if (type !== "delta") return;
  if (!position || payload.epoch !== position.epoch || payload.base > position.cursor) ask();
  else if (payload.cursor > position.cursor) show(payload.changes, payload);
}

function isShown({ cursor, epoch }) {
  return position !== null && position.epoch === epoch && position.cursor >= cursor;
}

function show(changes, { cursor, epoch }) {
  for (const { entity, data } of changes) {
    if (entity === "counter" && data) count.textContent = String(data.value);
  }
  position = { cursor, epoch };
}

/** Asks for the whole state, once at a time, and follows from there. */
function ask() {
  asking ??= snapshot().finally(() => { asking = null; });
}

async function snapshot() {
  try {
    const response = await fetch("/_sync/snapshot", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    if (!response.ok) return;
    const { records, cursor, epoch } = await response.json();
    show(records, { cursor, epoch });
    live.subscribe(topic, () => position);
  } catch {
    // No network: the next connection asks again.
  }
}

/** A service worker that was there already, by a sign-out's end or a reload past it, has not taken this page. */
async function claimed() {
  const { active } = await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) active.postMessage("claim");
}
