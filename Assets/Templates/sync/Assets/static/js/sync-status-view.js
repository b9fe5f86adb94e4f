// Shows how syncing stands, in one line: the state, how many edits wait or were refused, when the
// last sync was. It never says that all is well while something of the person's is not: `data-tone`
// gives the dot its shape and colour, and is "calm" only where nothing waits and nothing was refused.
// Changes of the state are announced to screen readers; the minute count is not.

import { problemInWords } from "./refusal-words.js";
import { setAttribute, setText } from "./todo-item.js";

const refreshMs = 20_000; // how often "2 min ago" is looked at

export class SyncStatusView {
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
    // Refusals speak for themselves, and syncing is what happens all the time.
    if (state === "syncing" || label === this.#announced) return;
    this.#announced = label;
    const tail = waiting > 0 ? `, ${waiting} ${waiting === 1 ? "edit" : "edits"} waiting` : "";
    this.#announcer.say(`${label}${tail}`);
  }
}

/** Returns the tone of the dot and the words beside it. */
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
