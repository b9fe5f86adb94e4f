// Shows todos in the list that the server has rendered: elements are kept by `data-id`, changed
// only where they differ, and made from the page's own <template>, so that there is one source of
// markup. A long list is shown in part (list-window.js). Owns the list, the counts and the filter
// links, and where the keyboard's focus goes when they change; knows nothing of syncing. What a
// person does reaches the app as calls of `actions`.

import { isComposing } from "./keys.js";
import { ListWindow, pageSize, pinnedMax } from "./list-window.js";
import { checkedTitle, watchTitles } from "./title-field.js";
import { inOrder } from "./todo-appliers.js";
import { setText, TodoItem } from "./todo-item.js";

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

export class TodoListView {
  #list = document.querySelector(".todo-list");
  #template = document.querySelector(".todo-item-template");
  #empty = document.querySelector(".empty");
  // Looked up once: the list before them may be long.
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

  /**
   * Takes the page as it was rendered and listens to nobody yet.
   * @param {object} actions create(title), toggle(id, done), edit(id, title), remove(id), clear(),
   *   and refresh() when another part of the list is asked for
   */
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

  /**
   * Returns the todos that the server has rendered, as records. When each was made is not said, only
   * which comes first.
   */
  rendered() {
    return [...this.#items].map(([id, { rendered }], place) => ({
      entity: "todo", id, data: { ...rendered, created: String(place).padStart(6, "0") },
    }));
  }

  /** Takes the forms over from the browser, with what was ticked before. */
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

  /**
   * Shows `todos`, filtered as the address says. Costs a look at each of them, and as many touched
   * elements as have changed.
   * @param {object[]} todos in any order
   * @param {(id: string) => boolean} isPending whether an edit of it waits for the server
   * @param {boolean} isWhole false as long as `todos` are those of the rendered page alone
   * @param {boolean} isOpen false as long as this device's own storage has not said what it holds
   */
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

  /** Brings a record that was just made into sight, and gives it the focus if it `hasFocus`. */
  reveal(id, hasFocus = false) {
    this.#window.pin(id);
    this.#revealed = { id, hasFocus };
  }

  /** Where the focus goes when what had it is gone and nothing is next to it. */
  focusHome() {
    this.#heading.tabIndex = -1; // not a stop of the Tab key
    this.#heading.focus();
  }

  // The list

  /** Keeps the first to-dos of a page further on in sight when those before them have come. */
  #seek(ids) {
    for (const id of ids.slice(0, pinnedMax)) this.#window.pin(id);
    this.#soughtID = ids[0] ?? null;
  }

  #filter() {
    const name = new URLSearchParams(location.search).get("filter");
    return Object.hasOwn(filters, name ?? "") ? name : "all";
  }

  /** Puts `todos` one after another, beginning at `expected`; returns what stands behind them. */
  #place(todos, expected, isPending) {
    for (const todo of todos) {
      const item = this.#items.get(todo.id) ?? this.#make(todo.id);
      item.show(todo, isPending(todo.id));
      // Moving an element takes its focus away, so only what is out of place moves.
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

  /**
   * Takes an item away. Who stood on it with the keyboard comes to the next item that stays, and
   * there to its tick: another Enter must not delete that one, too.
   */
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

  /** Says how many are left out, in their place in the list, with a way to see more of them. */
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

  // What a person does

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

  /** The browser opens and closes an item by itself too, for one to show what was searched for. */
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
