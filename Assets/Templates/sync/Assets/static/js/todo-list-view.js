// Shows todos in the list that the server has rendered: elements are kept by `data-id`, changed
// only where they differ, and made from the page's own <template>, so that there is one source of
// markup. Owns the list, the counts and the filter links; knows nothing of syncing. What a person
// does reaches the app as calls of `actions`.

import { byCreation } from "./todo-appliers.js";

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
  #elements = new Map();
  #shown = new WeakMap(); // element → {todo, isPending}: what it shows
  #actions;

  /**
   * @param {object} actions create(title), toggle(id, done), edit(id, title), remove(id), clear(),
   *   and refresh() when another part of the list is asked for
   */
  constructor(actions) {
    this.#actions = actions;
    for (const element of this.#list.children) this.#elements.set(element.dataset.id, element);
    document.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("change", (event) => this.#ticked(event));
    this.#list.addEventListener("dblclick", (event) => this.#doubleClicked(event));
    this.#list.addEventListener("toggle", (event) => this.#opened(event), true);
    addEventListener("popstate", () => this.#actions.refresh());
  }

  /** Returns the todos that the server has rendered, as records. */
  rendered() {
    return [...this.#elements].map(([id, element]) => ({
      entity: "todo",
      id,
      data: {
        id,
        title: element.querySelector(".todo-title").textContent,
        done: element.querySelector(".todo-done").checked,
        created: element.dataset.created,
      },
    }));
  }

  /**
   * Shows `todos`, filtered as the address says.
   * @param {object[]} todos all of them, in any order
   * @param {(id: string) => boolean} isPending whether an edit of it waits for the server
   */
  show(todos, isPending) {
    const filter = this.#filter();
    const shown = todos.filter(filters[filter]).sort(byCreation);
    const kept = new Set(shown.map((todo) => todo.id));
    for (const [id, element] of this.#elements) {
      if (kept.has(id)) continue;
      this.#elements.delete(id);
      this.#removeKeepingFocus(element);
    }
    let expected = this.#list.firstElementChild;
    for (const todo of shown) {
      const element = this.#elements.get(todo.id) ?? this.#make(todo.id);
      this.#update(element, todo, isPending(todo.id));
      // Moving an element takes its focus away, so only what is out of place moves.
      if (element === expected) expected = expected.nextElementSibling;
      else this.#list.insertBefore(element, expected);
    }
    this.#showCounts(todos, shown, filter);
  }

  /** Touches an element only if its record is another object than before: lists may be long. */
  #update(element, todo, isPending) {
    const before = this.#shown.get(element);
    if (before?.todo === todo && before.isPending === isPending) return;
    this.#shown.set(element, { todo, isPending });
    update(element, todo, isPending);
  }

  #filter() {
    const name = new URLSearchParams(location.search).get("filter");
    return Object.hasOwn(filters, name ?? "") ? name : "all";
  }

  #showCounts(todos, shown, filter) {
    const remaining = todos.filter((todo) => !todo.done).length;
    setText(this.#remaining, String(remaining));
    setText(this.#total, String(todos.length));
    this.#clearForm.hidden = remaining === todos.length;
    this.#empty.hidden = shown.length > 0;
    setText(this.#empty, todos.length === 0 ? emptyTexts.all : emptyTexts[filter]);
    for (const link of this.#links) {
      if (link.dataset.filter === filter) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #make(id) {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.dataset.id = id;
    for (const input of element.querySelectorAll("input[name=id]")) input.value = id;
    this.#elements.set(id, element);
    return element;
  }

  /** Takes an item away; a keyboard user who stood on it comes to its neighbour. */
  #removeKeepingFocus(element) {
    const hadFocus = element.contains(document.activeElement);
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    element.remove();
    if (!hadFocus) return;
    const target = neighbour?.querySelector(".delete-form button");
    (target ?? document.querySelector(".todo-form input[name=title]")).focus();
  }

  #submitted(event) {
    const form = event.target;
    const id = form.closest(".todo-item")?.dataset.id;
    const title = form.elements.title?.value.trim();
    if (form.matches(".todo-form")) {
      if (title) this.#actions.create(title);
      form.reset();
    } else if (form.matches(".edit-form")) {
      const details = form.closest("details");
      const before = form.closest(".todo-item").querySelector(".todo-title").textContent;
      details.open = false;
      details.querySelector("summary").focus();
      if (title && title !== before) this.#actions.edit(id, title);
    } else if (form.matches(".delete-form")) {
      this.#actions.remove(id);
    } else if (form.matches(".clear-form")) {
      this.#actions.clear();
    } else if (!form.matches(".toggle-form")) {
      return;
    }
    event.preventDefault();
  }

  #clicked(event) {
    const link = event.target.closest(".filters a");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!link || !isPlain) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    this.#actions.refresh();
  }

  #pressed(event) {
    const details = event.key === "Escape" && event.target.closest?.(".todo-edit[open]");
    if (!details) return;
    details.open = false;
    details.querySelector("summary").focus();
  }

  #ticked({ target }) {
    if (!target.matches(".todo-done")) return;
    const element = target.closest(".todo-item");
    this.#shown.delete(element); // the person has changed it: it no longer shows the record
    this.#actions.toggle(element.dataset.id, target.checked);
  }

  #doubleClicked({ target }) {
    if (target.matches(".todo-title")) target.parentElement.querySelector(".todo-edit").open = true;
  }

  #opened({ target }) {
    if (!target.matches?.(".todo-edit")) return;
    const input = target.querySelector("input[name=title]");
    if (!target.open) return;
    input.value = target.parentElement.querySelector(".todo-title").textContent;
    input.focus();
    input.select();
  }
}

function update(element, todo, isPending) {
  const title = element.querySelector(".todo-title");
  const checkbox = element.querySelector(".todo-done");
  setText(title, todo.title);
  if (checkbox.checked !== todo.done) checkbox.checked = todo.done;
  setAttribute(checkbox, "aria-label", `Done: ${todo.title}`);
  setAttribute(element.querySelector("summary"), "aria-label", `Edit ${todo.title}`);
  setAttribute(element, "data-pending", String(isPending));
  setAttribute(element, "data-created", todo.created);
  element.classList.toggle("is-done", todo.done);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
