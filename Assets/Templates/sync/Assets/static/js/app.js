// The todo page: joins Mizu's client ("mizu", Assets/Guides/client.md of Mizu) and the views, and takes
// over the list that the server has rendered. Without this file the page still works, by plain forms;
// so it does until every module has come and `is-live` says that the scripts have taken over.
// `make assets` joins it and the files beside it into one, which is what the program serves.
//
//   a person ► TodoListView ► actions ► SyncClient.mutate
//   SyncClient ► subscribe ► TodoListView.show, SyncStatusView.show, RefusalsView.show
//
// Reading tour: this file, todo-appliers.js, todo-list-view.js, todo-item.js.

import { askToPersist, LiveClient, oncePerFrame, orderedID, SyncClient } from "mizu";

import { Announcer } from "./announcer.js";
import { RefusalsView } from "./refusals-view.js";
import { SyncStatusView } from "./sync-status-view.js";
import { Toast } from "./toast.js";
import { inOrder, todoAppliers } from "./todo-appliers.js";
import { TodoListView } from "./todo-list-view.js";

const titleShownMax = 40;

const announcer = new Announcer(document.querySelector(".announcer"));
const list = new TodoListView({ create, toggle, edit, remove, clear, find, refresh }, announcer);
const toast = new Toast(() => list.focusHome());
const status = new SyncStatusView(announcer);
const client = new SyncClient({
  scope: document.body.dataset.scope,
  appliers: todoAppliers,
  initial: list.rendered(),
});
const refusals = new RefusalsView({
  mend,
  retry: (id) => client.retry(id).catch(warn),
  discard: (id) => client.discard(id).catch(warn),
  titleOf: ({ args }) => args.title ?? find(args.id)?.title,
  focusHome: () => list.focusHome(),
}, announcer);
const live = new LiveClient({
  onMessage: (message) => client.receive(message),
  onStatus: (word) => client.liveChanged(word),
});

start();

async function start() {
  for (const one of [list, toast, status, refusals]) one.listen();
  status.show(client.status);
  document.documentElement.classList.add("is-live");
  // An edit is shown at once, though the storage may take its time to open.
  client.subscribe(oncePerFrame(refresh));
  // What this device holds is shown before anything is asked of the network.
  await client.ready;
  refresh();
  client.follow(live);
  live.connect();
  window.mizu = { client, live }; // for the console, and for tests
  registerServiceWorker();
}

function refresh() {
  const { status: now } = client;
  const isWhole = client.position !== null;
  document.documentElement.classList.toggle("is-whole", isWhole);
  const isPending = (id) => client.statusOf("todo", id) === "pending";
  list.show(client.all("todo"), { isPending, isWhole, isOpen: now.storage !== "opening" });
  status.show(now);
  refusals.show(now.refused);
}

function find(id) {
  return client.get("todo", id);
}

function create(title) {
  const id = orderedID();
  mutate("todo.create", { id, title });
  list.reveal(id);
}

function toggle(id, done) {
  mutate("todo.toggle", { id, done });
}

function edit(id, title) {
  mutate("todo.update", { id, title });
}

function remove(id) {
  const todo = find(id);
  if (!todo) return;
  mutate("todo.delete", { id });
  toast.show("Deleted", shortTitle(todo.title), "Undo", () => restore([todo]));
}

function clear() {
  const done = client.all("todo").filter((todo) => todo.done).sort(inOrder);
  for (const { id } of done) mutate("todo.delete", { id });
  const what = done.length === 1 ? "1 done item" : `${done.length} done items`;
  toast.show(`Cleared ${what}`, "", "Undo", () => restore(done));
}

/** Undoes a delete by making the same records again: their ids are free once they are deleted. */
function restore(todos) {
  for (const { id, title, done } of todos) {
    mutate("todo.create", { id, title });
    if (done) mutate("todo.update", { id, done });
  }
  if (todos.length === 0) return;
  list.reveal(todos[0].id, true);
  const what = todos.length === 1 ? `“${shortTitle(todos[0].title)}”` : `${todos.length} to-dos`;
  announcer.say(`Brought back ${what}`);
}

/**
 * Sends a refused edit with another title, as an edit of its own, and lets the refused one go. What
 * somebody has deleted meanwhile comes back as a to-do of its own.
 */
function mend({ id, name, args, code }, title) {
  const isGone = name === "todo.update" && code === "not_found";
  const todo = isGone ? orderedID() : args.id;
  if (isGone) mutate("todo.create", { id: todo, title });
  else mutate(name, { ...args, title });
  list.reveal(todo, true);
  client.discard(id).catch(warn);
}

/** Sends an edit; one that this browser could not keep is told by the status line, not thrown. */
function mutate(name, args) {
  const id = client.mutate(name, args);
  client.saved(id).catch(warn);
  askToPersist();
}

function warn(error) {
  console.warn("mizu: an edit was not kept:", error);
}

function shortTitle(title) {
  return title.length > titleShownMax ? `${title.slice(0, titleShownMax - 1)}…` : title;
}

/** The page opens offline where service workers exist: https, or this very machine. */
async function registerServiceWorker() {
  try {
    await navigator.serviceWorker?.register("/sw.js", { scope: "/" });
    const { active } = await navigator.serviceWorker.ready;
    // One that was there already has not taken a page that was reloaded past it.
    if (!navigator.serviceWorker.controller) active.postMessage("claim");
  } catch (error) {
    console.info("mizu: the page will not open offline:", error);
  }
}
