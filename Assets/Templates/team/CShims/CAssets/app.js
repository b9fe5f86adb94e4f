// Joined by CShims/join.sh from the modules named below, without comments: do not edit.

import { oncePerFrame, orderedID, randomID, SyncHub, whoAmI } from "mizu";

// ── appliers.js

const appliers = {
  "list.title": (store, { title }) => store.put("list", "list", { title: cleaned(title) }),
  "item.add": (store, { id, title }, { time }) =>
    store.put("item", id, { id, title: cleaned(title), done: false, created: time }),
  "item.edit": (store, { id, title, done }) => {
    const item = store.get("item", id);
    if (!item) return;
    store.put("item", id, {
      ...item, title: title === undefined ? item.title : cleaned(title), done: done ?? item.done,
    });
  },
  "item.delete": (store, { id }) => store.remove("item", id),
};

function cleaned(title) {
  return title.trim().split(/\s+/).join(" ");
}

// ── faces.js

class Faces {
  #root;
  #live;
  #topic;
  #name;
  #members = new Map();

  constructor(root, { live }, list, name) {
    this.#root = root;
    this.#live = live;
    this.#topic = `here:${list}`;
    this.#name = name ?? "Somebody";
  }

  begin() {
    this.#live.subscribe(this.#topic, { presence: { info: { name: this.#name } } });
  }

  receive({ topic, payload }) {
    if (topic !== this.#topic || !payload) return;
    const { members, joined = [], left = [], ended } = payload;
    if (members || ended) this.#members.clear();
    for (const one of [...(members ?? []), ...joined]) this.#members.set(one.id, one.info?.name ?? "?");
    for (const id of left) this.#members.delete(id);
    this.#root.replaceChildren(...[...this.#members].slice(0, 8).map(face));
  }
}

function face([id, name]) {
  const letters = name.split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
  const shown = Object.assign(document.createElement("span"), { textContent: letters, title: name });
  shown.style.setProperty("--hue", [...id].reduce((sum, letter) => sum * 31 + letter.codePointAt(0), 7) % 360);
  return shown;
}

// ── list-view.js

class ListView {
  #root;
  #hub;
  #mutate;

  constructor(root, hub, mutate) {
    this.#root = root;
    this.#hub = hub;
    this.#mutate = mutate;
    root.addEventListener("submit", (event) => this.#submit(event));
    root.addEventListener("change", ({ target }) => {
      if (target.name !== "done") return;
      mutate("item.edit", { id: target.form.elements.id.value, done: target.checked });
    });
  }

  show(client) {
    if (!client?.isShown) return;
    const { role } = client;
    const title = client.get("list", "list")?.title ?? "A new list";
    document.title = `${title} · Mizu Team`;
    this.#root.querySelector(".title").textContent = title;
    this.#root.querySelector(".add").hidden = role === "reader";
    this.#root.querySelector(".invite").hidden = role !== "owner";
    const items = client.all("item").sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#fill(".items", items, "item", (row, { id, title: words, done }) => {
      row.querySelector("[name=id]").value = id;
      row.querySelector("[name=done]").checked = done;
      row.querySelector("[name=done]").setAttribute("aria-label", `Done: ${words}`);
      row.querySelector("[value=delete]").setAttribute("aria-label", `Delete ${words}`);
      row.querySelector(".title").textContent = words;
      row.querySelector(".title").classList.toggle("is-done", done);
      row.querySelector(".title").dataset.pending = client.statusOf("item", id) === "pending";
    });
    const members = client.entries("mizu.grant").map(([id, grant]) => ({ id, ...grant }));
    this.#fill(".members", members, "member", (row, { id, name, role: theirs }) => {
      const isMe = id === this.#hub.user;
      row.querySelector("[name=user]").value = id;
      row.querySelector(".name").textContent = name || "Somebody";
      row.querySelector(".role").textContent = theirs;
      row.querySelector("[value=owner]").hidden = role !== "owner" || theirs === "owner";
      row.querySelector("[value=remove]").hidden = !isMe && role !== "owner";
      row.querySelector("[value=remove]").textContent = isMe ? "Leave" : "Remove";
    });
  }

  #fill(place, records, template, set) {
    const list = this.#root.querySelector(place);
    const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
    const wanted = records.map((record) => {
      const row = rows.get(record.id)
        ?? document.querySelector(`template#${template}`).content.querySelector("li").cloneNode(true);
      row.dataset.id = record.id;
      set(row, record);
      return row;
    });
    if (wanted.length !== list.children.length || wanted.some((row, at) => row !== list.children[at])) {
      list.replaceChildren(...wanted);
    }
  }

  #submit(event) {
    const { elements } = event.target;
    const action = event.submitter?.value;
    if (action === "invite") return;
    event.preventDefault();
    if (action === "add") {
      this.#mutate("item.add", { title: elements.title.value });
      event.target.reset();
      elements.title.focus();
    }
    if (action === "delete") this.#mutate("item.delete", { id: elements.id.value });
    if (action === "owner") this.#mutate("member.role", { user: elements.user.value, role: "owner" });
    if (action === "remove") this.#mutate("member.remove", { user: elements.user.value });
  }
}

// ── lists-view.js

class ListsView {
  #root;
  #make;

  constructor(root, { make }) {
    this.#root = root;
    this.#make = make;
    root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make(event.target.elements.title.value);
    });
    const told = sessionStorage.getItem("told");
    if (!told) return;
    sessionStorage.removeItem("told");
    const note = Object.assign(document.createElement("p"), { className: "problem", textContent: told });
    note.setAttribute("role", "alert");
    root.prepend(note);
  }

  show(hub) {
    const lists = hub.clients.filter((one) => one.isShown && one.scope.startsWith("list:"))
      .map((one) => ({ id: one.scope.slice(5), title: one.get("list", "list")?.title }))
      .filter(({ title }) => title !== undefined)
      .sort((a, b) => a.title.localeCompare(b.title));
    this.#root.querySelector(".lists").replaceChildren(...lists.map(({ id, title }) => {
      const link = Object.assign(document.createElement("a"), { href: `/lists/${id}`, textContent: title });
      const row = document.createElement("li");
      row.dataset.id = id;
      row.append(link);
      return row;
    }));
  }
}

// ── app.js

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

async function signOut(event, hub) {
  event.preventDefault();
  const form = event.target;
  let { isDone, waiting, problem } = await hub.signOut();
  if (!isDone && waiting > 0) {
    const keep = await answer(`${waiting} of your edits have not been sent yet.`);
    if (keep === "stay") return;
    ({ isDone, problem } = await hub.signOut({ keep: keep === "keep" }));
  }
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

async function claimed() {
  const { active } = await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) active.postMessage("claim");
}
