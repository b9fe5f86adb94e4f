// The page comes alive: what the server has rendered is replaced by what this device holds, edits are shown
// at once and sent when there is a network. Without this file all of it works by plain forms. Offline the
// service worker gives a page without anybody's data, for every address: what to show is in the address.
//
//   SyncHub ► own scope ► the lists there are ► one scope open for each ► ListsView, ListView

import { oncePerFrame, orderedID, randomID, SyncHub, whoAmI } from "mizu";

import { appliers } from "./appliers.js";
import { Faces } from "./faces.js";
import { ListView } from "./list-view.js";
import { ListsView } from "./lists-view.js";

const words = {
  online: "Saved", syncing: "Saving…", offline: "Offline", error: "Not saved: sign in again",
};
const listOpen = /^\/lists\/([^/]+)$/.exec(location.pathname)?.[1];
const isApp = listOpen !== undefined || location.pathname === "/";

navigator.serviceWorker?.register("/sw.js", { scope: "/" }).then(claimed)
  .catch((error) => console.info("mizu: without a page for offline:", error));
if (isApp) start();

async function start() {
  const who = await whoAmI();
  if (!who.user) return; // nobody: the page says so already
  const hub = new SyncHub({
    user: who.user, appliers, leaseDays: 30, sealKey: who.deviceKeys,
    live: { onMessage: (message) => faces?.receive(message) },
    onScopes: ({ came }) => came.forEach(follow),
    onScopeLost: ({ scope, edits }) => lost(scope, edits),
    onUserChanged: () => location.replace("/"),
  });
  const lists = new ListsView(document.querySelector("[data-view=lists]"), { make });
  const list = listOpen && new ListView(document.querySelector("[data-view=list]"), hub, mutate);
  const faces = listOpen && new Faces(document.querySelector(".faces"), hub, listOpen, who.name);
  await hub.ready;
  document.querySelectorAll("[data-view]").forEach((view) => {
    view.hidden = view.dataset.view !== (listOpen ? "list" : "lists");
  });
  document.querySelector("header nav").hidden = false;
  document.querySelector("header nav a").textContent = who.name ?? "Account";
  for (const { scope } of hub.scopes) follow(scope);
  if (listOpen) hub.open(`list:${listOpen}`);
  hub.subscribe(oncePerFrame(show));
  document.documentElement.classList.add("is-live");
  show();
  faces?.begin();
  document.querySelector(".sign-out").addEventListener("submit", (event) => signOut(event, hub));
  window.mizu = { hub }; // for the console, and for tests

  function show() {
    const { state, waiting, refused } = hub.status;
    const status = document.querySelector(".status");
    status.dataset.state = state;
    status.textContent = refused > 0 ? `${refused} could not be saved`
      : waiting > 0 && state === "offline" ? `Offline, ${waiting} waiting` : words[state];
    lists.show(hub);
    list?.show(client());
  }

  function client(id = listOpen) {
    return hub.clients.find(({ scope }) => scope === `list:${id}`);
  }

  /** Every list of one's own is kept on this device, so that it opens without a network. */
  function follow(scope) {
    const isOpen = hub.clients.some((one) => one.scope === scope);
    if (scope.startsWith("list:") && !isOpen) hub.open(scope);
  }

  function make(title) {
    const id = randomID();
    hub.open(`list:${id}`).mutate("list.title", { title, by: who.name ?? "" });
    location.assign(`/lists/${id}`);
  }

  function mutate(name, args) {
    client().mutate(name, name === "item.add" ? { id: orderedID(), ...args } : args);
  }
}

function lost(scope, edits) {
  const more = edits.length > 0 ? ` ${edits.length} of your edits were not saved any more.` : "";
  sessionStorage.setItem("told", `You are no longer a member of this list.${more}`);
  if (scope === `list:${listOpen}`) location.replace("/");
}

/** Takes what is theirs from this device before the session ends; what waits is theirs to decide on. */
async function signOut(event, hub) {
  event.preventDefault();
  const form = event.target;
  let { isDone, waiting, problem } = await hub.signOut();
  if (!isDone && waiting > 0) {
    const keep = await answer(`${waiting} of your edits have not been sent yet.`);
    if (keep === "stay") return;
    ({ isDone, problem } = await hub.signOut({ keep: keep === "keep" }));
  }
  // The hub has deleted what was theirs; "storage" would take what others have sealed on this device, too.
  form.elements.keep.value = isDone ? "1" : "";
  if (isDone) form.submit();
  else document.querySelector(".status").textContent = problem?.error ?? "Try again";
}

function answer(question) {
  const dialog = document.querySelector("dialog");
  dialog.querySelector("p").textContent = question;
  dialog.returnValue = "stay"; // the Escape key
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue), { once: true });
  });
}

/** A service worker that was there already, by a sign-out's end or a reload past it, has not taken this page. */
async function claimed() {
  const { active } = await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) active.postMessage("claim");
}
