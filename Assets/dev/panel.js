// The developer's panel in a corner of the page: how syncing stands, what waits in the queue, cursor
// and epoch, the last errors, and three buttons. Reads the page's client (`window.mizu.client`, or the
// first that `window.mizu.hub` has open) by what every app may call; a page without one has the build's
// line and the errors alone. The client itself tells what is wrong with an applier (`told`).
//
//   offline  the page believes that there is no network, until the button is pressed again
//   sync     pushes and pulls now
//   replay   puts the queue's edits on top of the server's records anew

import { element, styles } from "./overlay.js";

const name = "mizu-dev-panel"; // what outlives a reload of this tab
const errorsMax = 5;
const textMax = 160;
const editsMax = 50; // of a queue, which may hold thousands
const refreshMs = 500; // a client may come late, and times go on
const fetchNow = window.fetch.bind(window); // the offline switch is not for the panel

export class Panel {
  #host = element("div", { class: "mizu-dev-panel" });
  #details = element("details", {});
  #summary = element("summary", {}, "mizu");
  #facts = element("dl", {});
  #queue = element("ol", { class: "queue", "aria-label": "Queue" });
  #notes = element("ul", { class: "notes", "aria-label": "Notes" });
  #errors = element("ul", { class: "errors", "aria-label": "Last errors" });
  #offline = button("Offline");
  #heard = [];
  #build = "";
  #isOffline = false;
  #replays = 0;

  constructor() {
    const root = this.#host.attachShadow({ mode: "open" });
    const sync = button("Sync");
    const replay = button("Replay");
    this.#offline.setAttribute("aria-pressed", "false");
    this.#offline.addEventListener("click", () => this.#toggleOffline());
    sync.addEventListener("click", () => this.#client?.sync());
    replay.addEventListener("click", () => this.#replay());
    const acts = element("div", { class: "acts" });
    acts.append(this.#offline, sync, replay);
    this.#details.append(this.#summary, this.#facts, acts, this.#queue, this.#notes, this.#errors);
    root.append(styles(), this.#details);
    document.body.append(this.#host);
    this.#listen();
    this.#recall();
    this.#details.addEventListener("toggle", () => {
      this.#remember();
      this.#readNotes();
    });
    this.#readNotes();
    this.#show();
    setInterval(() => this.#show(), refreshMs);
  }

  /** Takes how the build stands. */
  building({ phase, title }) {
    this.#build = phase === "ok" ? "" : title;
    this.#show();
  }

  /** Takes a fault that the client has found in the app. */
  told(text) {
    this.#hear(text);
  }

  get #client() {
    const { client, hub } = window.mizu ?? {};
    return client ?? hub?.clients[0] ?? hub?.home ?? null;
  }

  #listen() {
    addEventListener("error", ({ message }) => this.#hear(message));
    addEventListener("unhandledrejection", ({ reason }) => this.#hear(String(reason)));
    window.fetch = async (input, options) => {
      const path = new URL(input instanceof Request ? input.url : input, location.href).pathname;
      if (this.#isOffline) throw new TypeError("offline: it was switched on in the panel");
      const response = await fetchNow(input, options);
      if (response.status >= 400) this.#hear(`${path}: ${response.status} ${response.statusText}`);
      return response;
    };
  }

  /** Links that would have gone out by mail: the app says them to its developer alone. */
  async #readNotes() {
    try {
      const { notes } = await (await fetchNow("/_dev/notes", { cache: "no-store" })).json();
      this.#notes.replaceChildren(...notes.map(({ text, path }) => {
        const item = element("li", {});
        item.append(element("a", { href: path }, text));
        return item;
      }));
    } catch { /* the app is between two builds */ }
  }

  #hear(text) {
    this.#heard.unshift(`${new Date().toLocaleTimeString()} ${shortened(text)}`);
    this.#heard.length = Math.min(this.#heard.length, errorsMax);
    this.#show();
  }

  #recall() {
    try {
      const { isOpen, isOffline } = JSON.parse(sessionStorage.getItem(name)) ?? {};
      this.#details.open = isOpen === true;
      if (isOffline === true) this.#toggleOffline();
    } catch { /* no storage, or nothing that we wrote */ }
  }

  #remember() {
    const kept = { isOpen: this.#details.open, isOffline: this.#isOffline };
    try {
      sessionStorage.setItem(name, JSON.stringify(kept));
    } catch { /* no storage: it is closed and online after a reload */ }
  }

  #toggleOffline() {
    this.#isOffline = !this.#isOffline;
    this.#remember();
    this.#offline.setAttribute("aria-pressed", String(this.#isOffline));
    // The client asks the browser, so the browser is made to say it.
    if (this.#isOffline) {
      Object.defineProperty(navigator, "onLine", { configurable: true, get: () => false });
    } else {
      delete navigator.onLine;
    }
    dispatchEvent(new Event(this.#isOffline ? "offline" : "online"));
    this.#show();
  }

  #replay() {
    this.#client?.replay();
    this.#replays += 1;
    this.#show();
  }

  #show() {
    const client = this.#client;
    const status = client?.status;
    const edits = client?.edits ?? [];
    const waiting = status?.waiting ?? 0;
    const parts = ["mizu", this.#build || status?.state];
    if (this.#isOffline) parts.push("(switched)");
    if (waiting > 0) parts.push(`· ${waiting}`);
    setText(this.#summary, parts.filter(Boolean).join(" "));
    this.#showFacts({
      queue: `${waiting} waiting, ${status?.refused.length ?? 0} refused`,
      cursor: client?.position?.cursor ?? "none",
      epoch: client?.position?.epoch ?? "none",
      replayed: `${edits.filter((edit) => edit.replayed).length} (${this.#replays} by hand)`,
    });
    list(this.#queue, edits.slice(0, editsMax).map(({ name, args, replayed, refusal }) =>
      `${name} ${shortened(JSON.stringify(args))}${refusal ? ` refused: ${refusal.code}` : ""}`
        + `${!replayed && !refusal ? " seen" : ""}`));
    const problem = status?.problem;
    const refused = (status?.refused ?? []).map(({ name, code, error }) => `${name}: ${code} ${error}`);
    list(this.#errors, [
      ...(problem ? [`${problem.code}: ${problem.error}`] : []), ...refused, ...this.#heard,
    ].slice(0, errorsMax));
  }

  #showFacts(facts) {
    for (const [name, value] of Object.entries(facts)) {
      let shown = this.#facts.querySelector(`[data-fact="${name}"]`);
      if (!shown) {
        shown = element("dd", { "data-fact": name });
        this.#facts.append(element("dt", {}, name), shown);
      }
      setText(shown, String(value));
    }
  }
}

function button(text) {
  return element("button", { type: "button" }, text);
}

function list(parent, texts) {
  if (parent.children.length !== texts.length) {
    parent.replaceChildren(...texts.map(() => element("li", {})));
  }
  texts.forEach((text, index) => setText(parent.children[index], text));
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const shortened = (text) => text.length > textMax ? `${text.slice(0, textMax - 1)}…` : text;
