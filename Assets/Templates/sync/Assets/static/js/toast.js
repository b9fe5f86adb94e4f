// One short message at the foot of the page with one thing to do about it ("Undo"). It goes after
// ten seconds, but never from under a pointer or the keyboard's focus. Ctrl+Z (or ⌘Z) outside of a
// text field does the same: from the middle of a long list it is many tabs to the button.

import { isComposing } from "./keys.js";

const stayMs = 10_000;

export class Toast {
  #root = document.querySelector(".toast");
  #timer = 0;
  #focusHome;

  /** @param {() => void} focusHome gives the focus a place when the button that has it goes */
  constructor(focusHome) {
    this.#focusHome = focusHome;
  }

  listen() {
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /**
   * Shows a message and a button that acts once. Replaces what was shown before.
   * @param {string} text what was done
   * @param {string} about somebody's own words behind it, not to be translated; may be empty
   */
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
