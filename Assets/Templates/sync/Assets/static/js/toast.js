// One short message at the foot of the page with one thing to do about it ("Undo"). It goes after
// ten seconds, but never from under a pointer or the keyboard's focus. Ctrl+Z (or ⌘Z) outside of a
// text field does the same: from the middle of a long list it is many tabs to the button.

const stayMs = 10_000;

export class Toast {
  #root = document.querySelector(".toast");
  #timer = 0;

  constructor() {
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Shows `text` and a button `label` that calls `act` once. Replaces what was shown before. */
  show(text, label, act) {
    const message = document.createElement("span");
    message.textContent = text;
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
    if (hadFocus) document.querySelector(".todo-form input[name=title]").focus();
  }

  #pressed(event) {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z";
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
