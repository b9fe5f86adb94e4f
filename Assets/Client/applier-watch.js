// Tells what is wrong with an app's appliers, once for each mutation: one that throws, and, on a page of
// `mizu dev`, one that shows something else than the server has made of the mutation. It goes to the
// console, to the developer's panel if there is one, and to the app.

import { differences } from "./applier-check.js";

const toldMax = 1000; // ids remembered; then it may tell something a second time

export class ApplierWatch {
  #scope;
  #appliers;
  #user;
  #onError;
  #told = new Set();

  /** @param {(told: object) => void} onError {kind, scope, mutation, error, differences?} */
  constructor(scope, appliers, user, onError) {
    this.#scope = scope;
    this.#appliers = appliers;
    this.#user = user;
    this.#onError = onError;
  }

  /** Takes what appliers have thrown: {row, error}. */
  failed(failures) {
    for (const { row, error } of failures) this.#tell("applier", row, error);
  }

  /**
   * Takes changes that are about to reach the records, if the page is one of `mizu dev`.
   * @param {Map} records by `recordKey`, before the changes
   * @param {object[]} rows of the queue, before the changes
   */
  compare(records, rows, changes) {
    if (!globalThis.mizuDev) return;
    const own = new Map(rows.filter((row) => row.replayed).map((row) => [row.id, row]));
    const before = new Map(records);
    for (let at = 0; at < changes.length;) {
      const { mutation } = changes[at];
      let end = at + 1;
      while (end < changes.length && changes[end].mutation === mutation) end += 1;
      const part = changes.slice(at, end);
      if (own.has(mutation)) this.#differ(before, own.get(mutation), part);
      for (const one of part) {
        const key = JSON.stringify([one.entity, one.id]);
        if (one.op === "delete") before.delete(key);
        else before.set(key, one);
      }
      at = end;
    }
  }

  #differ(before, row, changes) {
    const found = differences(before, row, this.#appliers, this.#user, changes);
    if (found.length === 0) return;
    const words = found.map(({ entity, id, shown, confirmed }) =>
      `${entity} ${id}: shown ${written(shown)}, confirmed ${written(confirmed)}`);
    const error = new Error(`the applier of ${row.name} is not its mutator: ${words.join("; ")}`);
    this.#tell("difference", row, error, found);
  }

  #tell(kind, { id, name, args }, error, found) {
    const key = `${kind} ${id}`;
    if (this.#told.has(key)) return;
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.add(key);
    const scope = this.#scope;
    // Not now: the app may be in the middle of reading.
    queueMicrotask(() => {
      const text = `mizu: ${kind} of ${name} (${id}):`;
      if (kind === "applier") console.error(text, error);
      else console.warn(text, error.message);
      globalThis.mizuDev?.panel?.told?.(`${name}: ${error.message ?? error}`);
      this.#onError({ kind, scope, mutation: { id, name, args }, error, differences: found });
    });
  }
}

const written = (value) => value === undefined ? "nothing" : JSON.stringify(value);
