// The edits that the server has refused: which, why, and what can be done about each: mend its text,
// send it again as it is, or let it go. Nothing here goes away by itself. An item that is being
// mended is not touched by what happens to the others.

import { verbOf, reasonOf } from "./refusal-words.js";
import { checkedTitle, takeOver } from "./title-field.js";
import { setText } from "./todo-item.js";

export class RefusalsView {
  #root = document.querySelector(".refused");
  #list = make("ul", {});
  #heading = make("h2", { tabindex: "-1" });
  #items = new Map(); // by the mutation's id
  #actions;
  #announcer;

  /**
   * @param {object} actions mend(refusal, title), retry(id), discard(id), titleOf(refusal): what the
   *   edit was about, or undefined, and focusHome() for when the last one has gone
   */
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

  /** Opens the refused text for mending, in place of the buttons. */
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
