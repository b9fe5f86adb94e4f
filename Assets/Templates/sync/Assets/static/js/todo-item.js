// One to-do as elements: the parts are looked up once, and changed only where they differ from the
// record. What is edited is the record's title, never the text on the page: a translator may have
// put its own words there, and what the field offers is saved for everybody.

export class TodoItem {
  element;
  /** What it shows, or null while a person has changed what the record says. */
  todo = null;
  #isPending = false;
  #offered = null; // the title that the open field was filled with
  #parts;

  /** @param {Element} element a `.todo-item`, rendered by the server or made from its template */
  constructor(element) {
    const find = (selector) => element.querySelector(selector);
    this.element = element;
    this.#parts = {
      title: find(".todo-title"), checkbox: find("[name=done]"), details: find("details"),
      summary: find("summary"), form: find("form"), remove: find("[name=delete]"),
    };
    element.classList.toggle("is-done", this.checkbox.defaultChecked);
  }

  /** Makes the element of a record that the server has not rendered. */
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

  /** The record as the server has rendered it: from attributes, which stay what they were. */
  get rendered() {
    const { checkbox, form } = this.#parts;
    const { defaultValue: title } = form.elements.title;
    return { id: this.id, title, done: checkbox.defaultChecked };
  }

  /** Whether somebody ticked it while the scripts were still on their way. */
  get isTickedByHand() {
    return this.checkbox.checked !== this.checkbox.defaultChecked;
  }

  /** Shows `todo`; an item whose record is the same object as before costs nothing. */
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

  /** The mark of an edit that waits stands behind the title, for as long as it waits. */
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

  /** Forgets what it shows, because a person has changed it: the next `show` puts it right. */
  touched() {
    this.todo = null;
  }

  get isOpen() {
    return this.#parts.details.open;
  }

  /** Whether the open field has been filled: one that the browser opened by itself has not. */
  get isFilled() {
    return this.#offered !== null;
  }

  /**
   * Opens the field with the title of `todo` in it, selected, all before this returns: the `toggle`
   * event comes later, and what it put into the field would replace what a person has typed since.
   */
  open(todo) {
    const { details, form } = this.#parts;
    const { title } = form.elements;
    details.open = true;
    title.value = todo.title;
    this.#offered = title.value.trim();
    title.focus();
    title.select();
  }

  /** Tells whether `title` is another than the field offered, whatever others wrote since. */
  isChanged(title) {
    return title !== this.#offered;
  }

  /** Notes that the field was closed without `close`: by a click on its summary. */
  closed() {
    this.#offered = null;
  }

  /** Closes the field; what stood in it is not saved by this. */
  close() {
    this.#parts.details.open = false;
    this.closed();
    this.#parts.summary.focus();
  }
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
