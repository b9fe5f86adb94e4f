// The edits of this very moment, in localStorage, until the queue's storage has them. Writing here
// is one call that returns when it is done, so a page that is reloaded, closed or frozen right after
// an edit has kept it, whatever transactions stand in IndexedDB's way: those only wait, and are
// dropped with the page. The next page of the same storage takes up what it finds here. It may be
// another tab's edit, on its way at this moment: the queue takes an id once.
//
// Bounded by what localStorage takes (some 5 MB). An edit that does not fit, or a browser without
// it, has the queue's storage alone.

import { orderedID } from "./random-id.js";

const journalPrefix = "mizu-journal:";

export class Journal {
  #prefix;
  #keys = new Map();

  /** @param {string} name the storage that the edits are for */
  constructor(name) {
    this.#prefix = `${journalPrefix}${name}:`;
  }

  /** The names of the storages that have something here. */
  static storages() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(journalPrefix));
      return [...new Set(keys.map((key) => key.slice(journalPrefix.length, key.lastIndexOf(":"))))];
    } catch {
      return [];
    }
  }

  /** Keeps a row; those of one page come back in the order in which they were written. */
  write(row) {
    const key = this.#prefix + orderedID();
    try {
      localStorage.setItem(key, JSON.stringify(row));
      this.#keys.set(row.id, key);
    } catch { /* full, or forbidden: then only the queue's own storage has it */ }
  }

  remove(rows) {
    for (const { id } of rows) {
      if (this.#keys.has(id)) this.#forget(this.#keys.get(id));
      this.#keys.delete(id);
    }
  }

  /** Returns the rows that are here, oldest first. */
  rows() {
    const found = [];
    for (const key of this.#all()) {
      try {
        const row = JSON.parse(localStorage.getItem(key));
        this.#keys.set(row.id, key);
        found.push(row);
      } catch {
        this.#forget(key);
      }
    }
    return found;
  }

  clear() {
    for (const key of this.#all()) this.#forget(key);
    this.#keys.clear();
  }

  #all() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix)).sort();
    } catch {
      return [];
    }
  }

  #forget(key) {
    try {
      localStorage.removeItem(key);
    } catch { /* it could not be written, either */ }
  }
}
