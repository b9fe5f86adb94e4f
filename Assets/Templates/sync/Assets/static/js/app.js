// The todo page: joins the sync client, the live connection and the views, and takes over the list
// that the server has rendered. Without this file the page still works, by plain forms.
//
//   a person ► TodoListView ► actions ► SyncClient.mutate
//   SyncClient ► subscribe ► TodoListView.show, SyncStatusView.show
//
// Reading tour: this file, sync-client.js, rounds.js, local-store.js, mutation-queue.js, replay.js.

import { orderedID } from "./random-id.js";
import { LiveClient } from "./live-client.js";
import { SyncClient } from "./sync-client.js";
import { SyncStatusView } from "./sync-status-view.js";
import { Toast } from "./toast.js";
import { byCreation, todoAppliers } from "./todo-appliers.js";
import { TodoListView } from "./todo-list-view.js";

const titleShownMax = 40;

const toast = new Toast();
const list = new TodoListView({ create, toggle, edit, remove, clear, refresh: () => render() });
const client = new SyncClient({
  scope: document.body.dataset.scope,
  appliers: todoAppliers,
  initial: list.rendered(),
});
const status = new SyncStatusView({
  retry: (id) => client.retry(id),
  discard: (id) => client.discard(id),
  titleOf: ({ args }) => args.title ?? client.get("todo", args.id)?.title,
});
const live = new LiveClient({
  url: Object.assign(new URL("/ws", location.href), {
    protocol: location.protocol === "https:" ? "wss:" : "ws:",
  }).href,
  onMessage: (message) => client.receive(message),
  onStatus: (word) => client.liveChanged(word),
});

start();

async function start() {
  // What this device holds is shown before anything is asked of the network.
  await client.ready;
  client.subscribe(render);
  render();
  client.follow(live);
  live.connect();
  document.documentElement.classList.add("is-live");
  window.mizu = { client, live }; // for the console, and for tests
  registerServiceWorker();
}

function render() {
  list.show(client.all("todo"), (id) => client.statusOf("todo", id) === "pending");
  status.show(client.status);
}

function create(title) {
  mutate("todo.create", { id: orderedID(), title });
}

function toggle(id, done) {
  mutate("todo.toggle", { id, done });
}

function edit(id, title) {
  mutate("todo.update", { id, title });
}

function remove(id) {
  const todo = client.get("todo", id);
  if (!todo) return;
  mutate("todo.delete", { id });
  toast.show(`Deleted “${shortened(todo.title)}”`, "Undo", () => restore([todo]));
}

function clear() {
  const done = client.all("todo").filter((todo) => todo.done).sort(byCreation);
  for (const { id } of done) mutate("todo.delete", { id });
  const what = done.length === 1 ? "1 done item" : `${done.length} done items`;
  toast.show(`Cleared ${what}`, "Undo", () => restore(done));
}

/** Undoes a delete by making the same records again: their ids are free once they are deleted. */
function restore(todos) {
  for (const { id, title, done } of todos) {
    mutate("todo.create", { id, title });
    if (done) mutate("todo.update", { id, done });
  }
}

/** Sends an edit; one that this browser could not keep is told by the status line, not thrown. */
function mutate(name, args) {
  const id = client.mutate(name, args);
  client.saved(id).catch((error) => console.warn("mizu: an edit was not kept:", error));
}

function shortened(title) {
  return title.length > titleShownMax ? `${title.slice(0, titleShownMax - 1)}…` : title;
}

/** The page opens offline where service workers exist: https, or this very machine. */
async function registerServiceWorker() {
  try {
    await navigator.serviceWorker?.register("/sw.js", { scope: "/" });
  } catch (error) {
    console.info("mizu: the page will not open offline:", error);
  }
}
