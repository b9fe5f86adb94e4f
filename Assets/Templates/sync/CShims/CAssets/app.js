// Joined by CShims/join.sh from the modules named below, without comments: do not edit.

import { askToPersist, LiveClient, oncePerFrame, orderedID, SyncClient } from "mizu";

// ── announcer.js

const keptMs = 10_000; // longer than it takes to come to a message and to read it

class Announcer {
  #region;

  constructor(region) {
    this.#region = region;
  }

  say(text) {
    const message = document.createElement("p");
    message.textContent = text;
    this.#region.append(message);
    setTimeout(() => message.remove(), keptMs);
  }
}

// ── title-field.js

const titleMax = 500;

function problemOfTitle(title) {
  const count = [...title.trim()].length;
  if (count === 0) return "Write a title first.";
  if (count <= titleMax) return null;
  return `The title has ${count} characters, ${count - titleMax} too many: 500 are the most.`;
}

function checkedTitle(form, announcer) {
  const input = form.elements.title;
  const problem = problemOfTitle(input.value);
  showProblem(form, problem);
  if (!problem) return input.value.trim();
  announcer.say(problem);
  input.focus();
  return null;
}

function watchTitles(root) {
  root.addEventListener("input", ({ target }) => {
    if (!target.matches?.("input[name=title]")) return;
    const problem = problemOfTitle(target.value);
    showProblem(target.form, target.value.trim() === "" ? null : problem);
  });
  takeOver(root.querySelector(".todo-form"));
}

function takeOver(form) {
  form.noValidate = true;
}

let hints = 0;

function showProblem(form, problem) {
  const input = form.elements.title;
  let hint = form.querySelector(".field-hint");
  if (!problem) {
    hint?.remove();
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
    return;
  }
  if (!hint) {
    hint = document.createElement("p");
    hint.className = "field-hint";
    hint.id = `field-hint-${hints += 1}`;
    input.parentElement.append(hint);
    input.setAttribute("aria-describedby", hint.id);
  }
  input.setAttribute("aria-invalid", "true");
  if (hint.textContent !== problem) hint.textContent = problem;
}

// ── refusal-words.js

const verbs = {
  "todo.create": "Adding",
  "todo.update": "Changing",
  "todo.toggle": "Ticking",
  "todo.delete": "Deleting",
};

const sentences = {
  conflict: "Something else was done to it at the same time.",
  forbidden: "You may not change this list.",
  id_reused: "Something else was sent under its name before.",
  internal_error: "The server failed at it several times.",
  not_found: "Somebody has deleted it in the meantime.",
  scope_denied: "You may not change this list.",
  too_large: "It is too large to be sent.",
  unknown_mutation: "The server does not know how to do that. Load the page again: it may be older than the server.",
};

const problems = {
  origin_denied: "the server takes no edits from this address",
  rate_limited: "too much at once, it goes on by itself",
  scope_denied: "you may not see this list",
  unauthenticated: "sign in again to go on",
  unavailable: "the server is busy, it goes on by itself",
  wrong_user: "another person is signed in",
};

function verbOf({ name }) {
  return verbs[name] ?? name;
}

function reasonOf({ code, error, args }) {
  if (code === "invalid_mutation") {
    const problem = typeof args.title === "string" ? problemOfTitle(args.title) : null;
    return problem ?? quoted(error);
  }
  if (code === "not_found" && args.title !== undefined) {
    return `${sentences.not_found} “Edit” makes a new one of it.`;
  }
  if (code.startsWith("quota_")) return "There is no room for more. Delete something, then try again.";
  return sentences[code] ?? quoted(error);
}

const quoted = (error) => `The server says: ${error.replace(/\.$/, "")}.`;

function problemInWords({ code, error }) {
  return problems[code] ?? error;
}

// ── todo-item.js

class TodoItem {
  element;
  todo = null;
  #isPending = false;
  #offered = null; // the title that the open field was filled with
  #parts;

  constructor(element) {
    const find = (selector) => element.querySelector(selector);
    this.element = element;
    this.#parts = {
      title: find(".todo-title"), checkbox: find("[name=done]"), details: find("details"),
      summary: find("summary"), form: find("form"), remove: find("[name=delete]"),
    };
    element.classList.toggle("is-done", this.checkbox.defaultChecked);
  }

  static make(template, id) {
    const element = template.content.firstElementChild.cloneNode(true);
    element.dataset.id = id;
    return new TodoItem(element);
  }

  get id() {
    return this.element.dataset.id;
  }

  get checkbox() {
    return this.#parts.checkbox;
  }

  get rendered() {
    const { checkbox, form } = this.#parts;
    const { defaultValue: title } = form.elements.title;
    return { id: this.id, title, done: checkbox.defaultChecked };
  }

  get isTickedByHand() {
    return this.checkbox.checked !== this.checkbox.defaultChecked;
  }

  show(todo, isPending) {
    if (this.todo === todo && this.#isPending === isPending) return;
    this.todo = todo;
    this.#isPending = isPending;
    const { title, checkbox, summary, remove, form } = this.#parts;
    setText(title, todo.title);
    if (checkbox.checked !== todo.done) checkbox.checked = todo.done;
    setAttribute(checkbox, "aria-label", `Done: ${todo.title}`);
    setAttribute(summary, "title", `Edit ${todo.title}`);
    setAttribute(remove, "title", `Delete ${todo.title}`);
    setAttribute(form.elements.title, "aria-label", `New title of ${todo.title}`);
    setAttribute(this.element, "data-pending", String(isPending));
    this.element.classList.toggle("is-done", todo.done);
    this.#mark(isPending);
  }

  #mark(isPending) {
    const mark = this.element.querySelector(".pending-mark");
    if (isPending === Boolean(mark)) return;
    if (mark) return mark.remove();
    const made = document.createElement("span");
    const words = document.createElement("span");
    made.className = "pending-mark";
    words.className = "visually-hidden";
    words.translate = true;
    words.textContent = "Waiting to be sent";
    made.append(words);
    this.#parts.title.after(made);
  }

  touched() {
    this.todo = null;
  }

  get isOpen() {
    return this.#parts.details.open;
  }

  get isFilled() {
    return this.#offered !== null;
  }

  open(todo) {
    const { details, form } = this.#parts;
    const { title } = form.elements;
    details.open = true;
    title.value = todo.title;
    this.#offered = title.value.trim();
    title.focus();
    title.select();
  }

  isChanged(title) {
    return title !== this.#offered;
  }

  closed() {
    this.#offered = null;
  }

  close() {
    this.#parts.details.open = false;
    this.closed();
    this.#parts.summary.focus();
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// ── refusals-view.js

class RefusalsView {
  #root = document.querySelector(".refused");
  #list = make("ul", {});
  #heading = make("h2", { tabindex: "-1" });
  #items = new Map(); // by the mutation's id
  #actions;
  #announcer;

  constructor(actions, announcer) {
    this.#actions = actions;
    this.#announcer = announcer;
  }

  listen() {
    this.#root.addEventListener("click", (event) => this.#clicked(event));
    this.#root.addEventListener("submit", (event) => this.#submitted(event));
  }

  show(refusals) {
    const kept = new Set(refusals.map((one) => one.id));
    for (const [id, { element }] of this.#items) {
      if (!kept.has(id)) this.#remove(id, element);
    }
    const fresh = refusals.filter((one) => !this.#items.has(one.id));
    for (const refusal of fresh) {
      const element = this.#make(refusal);
      this.#items.set(refusal.id, { element, refusal });
      this.#list.append(element);
    }
    this.#root.hidden = refusals.length === 0;
    if (refusals.length === 0) return;
    const count = refusals.length === 1 ? "One edit was" : `${refusals.length} edits were`;
    setText(this.#heading, `${count} not saved`);
    if (!this.#list.isConnected) this.#root.append(this.#heading, this.#list);
    const last = fresh.at(-1);
    if (last) this.#announcer.say(`Not saved: ${this.#name(last)}. ${reasonOf(last)}`);
  }

  #remove(id, element) {
    const hadFocus = element.contains(document.activeElement);
    this.#items.delete(id);
    element.remove();
    if (!hadFocus) return;
    if (this.#items.size > 0) this.#heading.focus();
    else this.#actions.focusHome();
  }

  #make(refusal) {
    const title = this.#actions.titleOf(refusal);
    const about = make("strong", { translate: "no", dir: "auto" }, title && shortened(title));
    const text = make("p", { class: "refusal-text" });
    text.append(`${verbOf(refusal)} `, ...(title ? ["“", about, "”"] : []), " was refused. ");
    text.append(reasonOf(refusal));
    const acts = make("div", { class: "refusal-acts" });
    const named = (label) => title ? { "aria-label": `${label}: ${shortened(title)}` } : {};
    const button = (act, label) =>
      make("button", { class: "quiet", type: "button", "data-act": act, ...named(label) }, label);
    if (typeof refusal.args.title === "string") acts.append(button("edit", "Edit"));
    acts.append(button("retry", "Try again"), button("discard", "Discard"));
    const item = make("li", {
      class: "refusal", "data-mutation": refusal.id, "data-code": refusal.code,
    });
    item.append(text, acts);
    return item;
  }

  #edit(element, refusal) {
    const form = make("form", { class: "mend-form" });
    const input = make("input", {
      class: "text-input", type: "text", name: "title", dir: "auto", autocomplete: "off",
      "aria-label": "Mended title", translate: "no",
    });
    input.value = refusal.args.title;
    const cancel = make("button", { class: "quiet", type: "button", "data-act": "cancel" }, "Cancel");
    form.append(input, make("button", { class: "button", type: "submit" }, "Save"), cancel);
    takeOver(form);
    element.querySelector(".refusal-acts").hidden = true;
    element.append(form);
    input.focus();
    input.dispatchEvent(new Event("input", { bubbles: true })); // says at once what is wrong with it
  }

  #closed(element) {
    element.querySelector(".mend-form").remove();
    const acts = element.querySelector(".refusal-acts");
    acts.hidden = false;
    acts.querySelector("button").focus();
  }

  #clicked({ target }) {
    const act = target.closest("[data-act]")?.dataset.act;
    if (!act) return;
    const { element, refusal } = this.#items.get(target.closest(".refusal").dataset.mutation);
    if (act === "edit") this.#edit(element, refusal);
    else if (act === "cancel") this.#closed(element);
    else this.#actions[act](refusal.id);
  }

  #submitted(event) {
    event.preventDefault();
    const { refusal } = this.#items.get(event.target.closest(".refusal").dataset.mutation);
    const title = checkedTitle(event.target, this.#announcer);
    if (title !== null) this.#actions.mend(refusal, title);
  }

  #name(refusal) {
    const title = this.#actions.titleOf(refusal);
    return title ? `${verbOf(refusal)} “${shortened(title)}”` : verbOf(refusal);
  }
}

const shortened = (text) => text.length > 80 ? `${text.slice(0, 79)}…` : text;

function make(tag, attributes, text) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// ── sync-status-view.js

const refreshMs = 20_000; // how often "2 min ago" is looked at

class SyncStatusView {
  #root = document.querySelector(".sync-status");
  #label = this.#root.querySelector(".sync-label.when-live");
  #detail = this.#root.querySelector(".sync-detail");
  #announced = "Up to date";
  #status = null;
  #announcer;

  constructor(announcer) {
    this.#announcer = announcer;
  }

  listen() {
    setInterval(() => this.#status && this.show(this.#status), refreshMs);
  }

  show(status) {
    this.#status = status;
    const { state, waiting, lastSync } = status;
    const { tone, label } = meaning(status);
    setAttribute(this.#root, "data-state", state);
    setAttribute(this.#root, "data-tone", tone);
    setText(this.#label, label);
    setText(this.#detail, details(status).join(" · "));
    setAttribute(this.#root, "title", lastSync
      ? `Last synced ${lastSync.toLocaleString()}` : "Not synced on this device yet");
    this.#announce(label, state, waiting);
  }

  #announce(label, state, waiting) {
    if (state === "syncing" || label === this.#announced) return;
    this.#announced = label;
    const tail = waiting > 0 ? `, ${waiting} ${waiting === 1 ? "edit" : "edits"} waiting` : "";
    this.#announcer.say(`${label}${tail}`);
  }
}

function meaning({ state, waiting, refused }) {
  if (state === "error") return { tone: "bad", label: "Sync problem" };
  if (state === "offline") return { tone: "away", label: "Offline" };
  if (refused.length > 0) return { tone: "bad", label: "Not all saved" };
  if (state === "syncing" || waiting > 0) return { tone: "busy", label: "Syncing" };
  return { tone: "calm", label: "Up to date" };
}

function details({ waiting, refused, lastSync, storage, isStorageLost, problem, state }) {
  const parts = [];
  if (waiting > 0) parts.push(`${waiting.toLocaleString()} waiting`);
  if (refused.length > 0) parts.push(`${refused.length.toLocaleString()} refused`);
  const hasRoom = state !== "online" || parts.length === 0;
  if (lastSync && hasRoom) parts.push(`synced ${ago(lastSync)}`);
  if (problem && state === "error") parts.push(problemInWords(problem));
  if (isStorageLost) parts.push("this browser's storage went away");
  if (storage === "memory") parts.push("edits live only as long as this page");
  return parts;
}

function ago(time) {
  const seconds = Math.max(0, (Date.now() - time.getTime()) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return time.toLocaleDateString();
}

// ── keys.js

function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

// ── toast.js

const stayMs = 10_000;

class Toast {
  #root = document.querySelector(".toast");
  #timer = 0;
  #focusHome;

  constructor(focusHome) {
    this.#focusHome = focusHome;
  }

  listen() {
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  show(text, about, label, act) {
    const message = document.createElement("span");
    const words = document.createElement("bdi");
    words.translate = false;
    words.textContent = about;
    message.append(text, ...(about ? [" “", words, "”"] : []));
    const button = document.createElement("button");
    button.type = "button";
    button.className = "toast-action";
    button.textContent = label;
    button.title = "Ctrl+Z";
    button.setAttribute("aria-keyshortcuts", "Control+Z Meta+Z");
    button.addEventListener("click", () => {
      this.hide();
      act();
    });
    this.#root.replaceChildren(message, button);
    this.#wait();
  }

  hide() {
    clearTimeout(this.#timer);
    const hadFocus = this.#root.contains(document.activeElement);
    this.#root.replaceChildren();
    if (hadFocus) this.#focusHome();
  }

  #pressed(event) {
    const isKey = event.key.toLowerCase() === "z" && !event.shiftKey && !event.altKey;
    const isUndo = isKey && (event.ctrlKey || event.metaKey) && !isComposing(event);
    const button = this.#root.querySelector("button");
    if (!isUndo || !button || event.target.matches?.("input[type=text]")) return;
    event.preventDefault();
    button.click();
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const isInUse = this.#root.matches(":hover, :focus-within");
      if (isInUse) this.#wait();
      else this.hide();
    }, stayMs);
  }
}

// ── todo-appliers.js

const todoAppliers = {
  "todo.create": (store, { id, title }, { time }) => {
    if (store.get("todo", id)) return;
    store.put("todo", id, { id, title: title.trim(), done: false, created: time, isNew: true });
  },
  "todo.update": (store, { id, title, done }) => {
    change(store, id, (todo) => ({
      ...todo,
      title: title === undefined ? todo.title : title.trim(),
      done: done === undefined ? todo.done : done,
    }));
  },
  "todo.toggle": (store, { id, done }) => {
    change(store, id, (todo) => ({ ...todo, done: done === undefined ? !todo.done : done }));
  },
  "todo.delete": (store, { id }) => store.remove("todo", id),
};

function change(store, id, edit) {
  const todo = store.get("todo", id);
  if (todo) store.put("todo", id, edit(todo));
}

function inOrder(a, b) {
  if (a.isNew !== b.isNew) return a.isNew ? 1 : -1;
  if (!a.isNew && a.created !== b.created) return a.created < b.created ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

// ── list-window.js

const pageSize = 100;
const pinnedMax = 20; // records that are shown beyond the limit
const insertionMax = 500; // up to here a sorted part is kept by insertion, beyond it all are sorted

class ListWindow {
  #limit = pageSize;
  #pinned = [];
  #compare;

  constructor(compare) {
    this.#compare = compare;
  }

  grow() {
    this.#limit += pageSize;
  }

  reset() {
    this.#limit = pageSize;
    this.#pinned = [];
  }

  pin(id) {
    this.#pinned = [...this.#pinned.filter((one) => one !== id), id].slice(-pinnedMax);
  }

  select(records) {
    const head = firstOf(records, this.#limit, this.#compare);
    const shown = new Set(head);
    const isPinned = (one) => this.#pinned.includes(one.id) && !shown.has(one);
    const tail = head.length < records.length && this.#pinned.length > 0
      ? records.filter(isPinned).sort(this.#compare) : [];
    return { head, tail, left: records.length - head.length - tail.length };
  }
}

function firstOf(records, count, compare) {
  if (records.length <= count || count > insertionMax) {
    return [...records].sort(compare).slice(0, count);
  }
  const first = [];
  for (const record of records) {
    if (first.length === count && compare(record, first[count - 1]) >= 0) continue;
    first.splice(placeOf(record, first, compare), 0, record);
    if (first.length > count) first.pop();
  }
  return first;
}

function placeOf(record, sorted, compare) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(record, sorted[middle]) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

// ── todo-list-view.js

const filters = {
  all: () => true,
  active: (todo) => !todo.done,
  done: (todo) => todo.done,
};

const emptyTexts = {
  all: "Nothing to do yet. Add the first one above.",
  active: "Nothing left to do. Well done.",
  done: "Nothing is done yet.",
};

class TodoListView {
  #list = document.querySelector(".todo-list");
  #template = document.querySelector(".todo-item-template");
  #empty = document.querySelector(".empty");
  #remaining = document.querySelector(".remaining");
  #total = document.querySelector(".total");
  #clearForm = document.querySelector(".clear-form");
  #links = document.querySelectorAll(".filters a");
  #heading = document.querySelector("h1");
  #items = new Map();
  #window = new ListWindow(inOrder);
  #gap = null;
  #revealed = null; // {id, hasFocus}: brought into sight as soon as it is there
  #soughtID = null; // where a link led to, until all records are here
  #unseen; // what the server counts and has not rendered
  #actions;
  #announcer;

  constructor(actions, announcer) {
    this.#actions = actions;
    this.#announcer = announcer;
    for (const element of this.#list.querySelectorAll(".todo-item")) {
      this.#items.set(element.dataset.id, new TodoItem(element));
    }
    const query = new URLSearchParams(location.search);
    if (query.has("after") || query.has("from")) this.#seek([...this.#items.keys()]);
    const todos = this.rendered().map(({ data }) => data);
    this.#unseen = {
      total: countIn(this.#total) - todos.length,
      remaining: countIn(this.#remaining) - todos.filter((todo) => !todo.done).length,
    };
  }

  rendered() {
    return [...this.#items].map(([id, { rendered }], place) => ({
      entity: "todo", id, data: { ...rendered, created: String(place).padStart(6, "0") },
    }));
  }

  listen() {
    document.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("change", (event) => this.#ticked(event));
    this.#list.addEventListener("dblclick", (event) => this.#doubleClicked(event));
    this.#list.addEventListener("toggle", (event) => this.#toggled(event), true);
    addEventListener("popstate", () => this.#filtered());
    watchTitles(document);
    for (const item of this.#items.values()) {
      if (item.isTickedByHand) this.#actions.toggle(item.id, item.checkbox.checked);
    }
  }

  show(todos, { isPending, isWhole, isOpen }) {
    if (isWhole && this.#soughtID && !this.#revealed) {
      this.reveal(this.#soughtID);
      this.#soughtID = null;
    }
    const filter = this.#filter();
    const passing = filter === "all" ? todos : todos.filter(filters[filter]);
    const { head, tail, left } = this.#window.select(passing);
    this.#removeAllBut(new Set([...head, ...tail].map((todo) => todo.id)));
    let expected = this.#place(head, this.#list.firstElementChild, isPending);
    expected = this.#placeGap(left, expected);
    this.#place(tail, expected, isPending);
    if (isWhole) this.#unseen = { total: 0, remaining: 0 };
    this.#showCounts(todos, this.#unseen);
    this.#empty.hidden = passing.length > 0 || !isOpen;
    setText(this.#empty, todos.length === 0 ? emptyTexts.all : emptyTexts[filter]);
    this.#markFilter(filter);
    this.#bringIntoSight();
  }

  reveal(id, hasFocus = false) {
    this.#window.pin(id);
    this.#revealed = { id, hasFocus };
  }

  focusHome() {
    this.#heading.tabIndex = -1; // not a stop of the Tab key
    this.#heading.focus();
  }

  #seek(ids) {
    for (const id of ids.slice(0, pinnedMax)) this.#window.pin(id);
    this.#soughtID = ids[0] ?? null;
  }

  #filter() {
    const name = new URLSearchParams(location.search).get("filter");
    return Object.hasOwn(filters, name ?? "") ? name : "all";
  }

  #place(todos, expected, isPending) {
    for (const todo of todos) {
      const item = this.#items.get(todo.id) ?? this.#make(todo.id);
      item.show(todo, isPending(todo.id));
      if (item.element === expected) expected = expected.nextElementSibling;
      else this.#list.insertBefore(item.element, expected);
    }
    return expected;
  }

  #make(id) {
    const item = TodoItem.make(this.#template, id);
    this.#items.set(id, item);
    return item;
  }

  #removeAllBut(kept) {
    for (const [id, item] of this.#items) {
      if (kept.has(id)) continue;
      this.#items.delete(id);
      this.#removeKeepingFocus(item.element, kept);
    }
  }

  #removeKeepingFocus(element, kept) {
    const hadFocus = element.contains(document.activeElement);
    const stays = (one) => one?.dataset.id === undefined || kept.has(one.dataset.id);
    let next = element.nextElementSibling;
    while (!stays(next)) next = next.nextElementSibling;
    let before = element.previousElementSibling;
    while (!stays(before)) before = before.previousElementSibling;
    element.remove();
    if (!hadFocus) return;
    const target = next?.querySelector("[name=done], button") ?? before?.querySelector("[name=done]");
    if (target) target.focus();
    else this.focusHome();
  }

  #placeGap(left, expected) {
    if (left === 0) {
      if (!this.#gap) return expected;
      if (this.#gap === expected) expected = expected.nextElementSibling;
      this.#gap.remove();
      this.#gap = null;
      return expected;
    }
    this.#gap ??= makeGap();
    setText(this.#gap.querySelector("button"), `Show ${Math.min(left, pageSize)} more`);
    setText(this.#gap.querySelector("span"), `${left.toLocaleString()} not shown`);
    if (this.#gap === expected) return expected.nextElementSibling;
    this.#list.insertBefore(this.#gap, expected);
    return expected;
  }

  #showMore() {
    const before = this.#gap.previousElementSibling;
    const from = this.#list.querySelectorAll(".todo-item").length;
    this.#window.grow();
    this.#actions.refresh();
    before?.nextElementSibling?.querySelector("[name=done]")?.focus();
    const more = this.#list.querySelectorAll(".todo-item").length - from;
    this.#announcer.say(`${more} more shown`);
  }

  #showCounts(todos, unseen) {
    let remaining = 0;
    for (const todo of todos) if (!todo.done) remaining += 1;
    setText(this.#remaining, String(remaining + unseen.remaining));
    setText(this.#total, String(todos.length + unseen.total));
    const hasDone = remaining + unseen.remaining < todos.length + unseen.total;
    if (!hasDone && this.#clearForm.contains(document.activeElement)) this.focusHome();
    this.#clearForm.hidden = !hasDone;
  }

  #markFilter(filter) {
    for (const link of this.#links) {
      const isChosen = link.dataset.filter === filter;
      if (isChosen && !link.hasAttribute("aria-current")) link.setAttribute("aria-current", "page");
      else if (!isChosen) link.removeAttribute("aria-current");
    }
  }

  #bringIntoSight() {
    const item = this.#revealed && this.#items.get(this.#revealed.id);
    if (!item) return;
    if (this.#revealed.hasFocus) item.checkbox.focus({ preventScroll: true });
    this.#revealed = null;
    const { classList } = item.element;
    classList.add("is-new");
    item.element.addEventListener("animationend", () => classList.remove("is-new"), { once: true });
    item.element.scrollIntoView({ block: "nearest" });
  }

  #submitted(event) {
    const form = event.target;
    const item = this.#itemOf(form);
    if (form.matches(".todo-form")) this.#add(form);
    else if (form.matches(".clear-form")) this.#actions.clear();
    else if (!item) return;
    else if (event.submitter?.name === "delete") this.#actions.remove(item.id);
    else if (item.isOpen) this.#save(form, item); // else: Enter on its tick, which says nothing
    event.preventDefault();
  }

  #add(form) {
    const title = checkedTitle(form, this.#announcer);
    if (title === null) return;
    form.reset();
    const isHidden = this.#filter() === "done";
    this.#actions.create(title);
    this.#announcer.say(`Added “${title}”${isHidden ? ", which is not shown under Done" : ""}`);
  }

  #save(form, item) {
    const title = checkedTitle(form, this.#announcer);
    if (title === null) return;
    const isChanged = item.isChanged(title);
    item.close();
    if (isChanged) this.#actions.edit(item.id, title);
  }

  #clicked(event) {
    if (event.target.closest(".show-more")) this.#showMore();
    const item = event.target.closest(".todo-item summary") && this.#itemOf(event.target);
    if (item && !item.isOpen) {
      event.preventDefault();
      this.#open(item);
    }
    const link = event.target.closest(".filters a");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!link || !isPlain) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    this.#filtered();
    const shown = this.#list.querySelectorAll(".todo-item").length;
    this.#announcer.say(`${link.textContent}: ${this.#empty.hidden
      ? `${shown} ${shown === 1 ? "to-do" : "to-dos"} shown` : this.#empty.textContent}`);
  }

  #filtered() {
    this.#window.reset();
    this.#actions.refresh();
  }

  #pressed(event) {
    if (event.key !== "Escape" || isComposing(event)) return;
    const details = event.target.closest?.(".todo-item details[open]");
    if (details) this.#itemOf(details)?.close();
  }

  #ticked({ target }) {
    if (!target.matches("[name=done]")) return;
    const item = this.#itemOf(target);
    const isLeaving = this.#filter() !== "all";
    const title = item.todo?.title ?? "";
    item.touched();
    this.#actions.toggle(item.id, target.checked);
    if (!isLeaving) return;
    this.#announcer.say(`“${title}” went to ${target.checked ? "Done" : "Active"}`);
  }

  #doubleClicked({ target }) {
    if (target.matches(".todo-title")) this.#open(this.#itemOf(target));
  }

  #toggled({ target }) {
    if (!target.matches?.("details")) return;
    const item = this.#itemOf(target);
    if (!item) return;
    if (!item.isOpen) item.closed();
    else if (!item.isFilled) this.#open(item);
  }

  #open(item) {
    item.open(item.todo ?? this.#actions.find(item.id) ?? item.rendered);
  }

  #itemOf(element) {
    return this.#items.get(element.closest(".todo-item")?.dataset.id);
  }
}

const countIn = (element) => Number(element.textContent) || 0;

function makeGap() {
  const gap = document.createElement("li");
  gap.className = "todo-gap";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet show-more";
  gap.append(button, document.createElement("span"));
  return gap;
}

// ── app.js

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
  client.subscribe(oncePerFrame(refresh));
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

function mend({ id, name, args, code }, title) {
  const isGone = name === "todo.update" && code === "not_found";
  const todo = isGone ? orderedID() : args.id;
  if (isGone) mutate("todo.create", { id: todo, title });
  else mutate(name, { ...args, title });
  list.reveal(todo, true);
  client.discard(id).catch(warn);
}

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

async function registerServiceWorker() {
  try {
    await navigator.serviceWorker?.register("/sw.js", { scope: "/" });
    const { active } = await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) active.postMessage("claim");
  } catch (error) {
    console.info("mizu: the page will not open offline:", error);
  }
}
