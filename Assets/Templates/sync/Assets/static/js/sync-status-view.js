// Shows how syncing stands: the state, how many edits wait, when the last sync was, and what was
// refused and why, with a way to try it again or to let it go. Changes of the state and refusals
// are announced to screen readers; the minute count is not.

const labels = {
  online: "Up to date",
  syncing: "Syncing",
  offline: "Offline",
  error: "Sync problem",
};

const verbs = {
  "todo.create": "Adding",
  "todo.update": "Editing",
  "todo.toggle": "Ticking",
  "todo.delete": "Deleting",
};

const refreshMs = 20_000; // how often "2 min ago" is looked at

export class SyncStatusView {
  #root = document.querySelector(".sync-status");
  #label = this.#root.querySelector(".sync-label");
  #detail = this.#root.querySelector(".sync-detail");
  #refused = document.querySelector(".refused");
  #announcer = document.querySelector(".announcer");
  #shownRefusals = [];
  #announced = "online";
  #status = null;
  #actions;

  /**
   * @param {object} actions retry(id), discard(id), and titleOf(refusal): what the edit was about
   */
  constructor(actions) {
    this.#actions = actions;
    this.#refused.addEventListener("click", (event) => this.#clicked(event));
    setInterval(() => this.#status && this.show(this.#status), refreshMs);
  }

  show(status) {
    this.#status = status;
    const { state, waiting, refused } = status;
    if (this.#root.dataset.state !== state) this.#root.dataset.state = state;
    setText(this.#label, labels[state]);
    setText(this.#detail, this.#details(status).join(" · "));
    this.#root.title = status.lastSync
      ? `Last synced ${status.lastSync.toLocaleString()}`
      : "Not synced on this device yet";
    this.#root.classList.toggle("has-waiting", waiting > 0);
    this.#showRefused(refused);
    this.#announce(state, waiting);
  }

  #details({ waiting, refused, lastSync, storage, problem, state }) {
    const parts = [];
    if (waiting > 0) parts.push(`${waiting} waiting`);
    if (refused.length > 0) parts.push(`${refused.length} refused`);
    const hasRoom = state !== "online" || parts.length === 0;
    if (lastSync && hasRoom) parts.push(`synced ${ago(lastSync)}`);
    if (problem && state === "error") parts.push(problem.error);
    if (storage === "memory") parts.push("edits live only as long as this page");
    return parts;
  }

  #showRefused(refused) {
    const ids = refused.map((one) => one.id);
    if (ids.join() === this.#shownRefusals.join()) return;
    const fresh = refused.filter((one) => !this.#shownRefusals.includes(one.id)).at(-1);
    this.#shownRefusals = ids;
    if (fresh) {
      this.#announcer.textContent = `The server refused: ${this.#nameOf(fresh)}, ${fresh.error}`;
    }
    this.#refused.hidden = refused.length === 0;
    const list = make("ul", {});
    for (const one of refused) list.append(this.#refusal(one));
    const heading = make("h2", {}, "The server refused");
    this.#refused.replaceChildren(...(refused.length > 0 ? [heading, list] : []));
  }

  #refusal(refusal) {
    const name = `${this.#nameOf(refusal)}:`;
    const text = make("p", { class: "refusal-text" });
    text.append(make("strong", {}, name), ` ${refusal.error} `, make("code", {}, refusal.code));
    const item = make("li", { class: "refusal", "data-mutation": refusal.id });
    const acts = make("div", { class: "refusal-acts" });
    acts.append(actButton("retry", "Retry"), actButton("discard", "Discard"));
    item.append(text, acts);
    return item;
  }

  #nameOf(refusal) {
    const title = this.#actions.titleOf(refusal);
    const verb = verbs[refusal.name] ?? refusal.name;
    return title ? `${verb} “${shortened(title)}”` : verb;
  }

  #clicked({ target }) {
    const act = target.closest("[data-act]")?.dataset.act;
    if (!act) return;
    this.#actions[act](target.closest(".refusal").dataset.mutation);
    document.querySelector(".todo-form input[name=title]").focus();
  }

  #announce(state, waiting) {
    if (state === "syncing" || state === this.#announced) return;
    this.#announced = state;
    const tail = waiting > 0 ? `, ${waiting} ${waiting === 1 ? "edit" : "edits"} waiting` : "";
    this.#announcer.textContent = `${labels[state]}${tail}`;
  }
}

function ago(time) {
  const seconds = Math.max(0, (Date.now() - time.getTime()) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return time.toLocaleDateString();
}

const shortened = (text) => text.length > 80 ? `${text.slice(0, 79)}…` : text;

function make(tag, attributes, text) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function actButton(act, label) {
  return make("button", { class: "quiet", type: "button", "data-act": act }, label);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
