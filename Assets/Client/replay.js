// The optimistic layer: pending mutations replayed, in their order, over the server's records.
// Appliers belong to the app: {"todo.create": (store, args, {id, time}) => …}. One that throws has
// no effect, as a refused mutation has none. Nothing here is stored: it is computed again after each
// change of the records or of the queue, which is what undoes a refused mutation by itself.

import { recordKey } from "./local-store.js";

export class Overlay {
  #base;
  #over = new Map();
  #draft = null;
  /** Keys of records that a mutation still in the queue has touched. */
  pending = new Set();

  /**
   * @param {Map} base records by `recordKey`
   * @param {object[]} rows rows of the queue, in order; those not replayed are passed over
   * @param {object} appliers the app's functions by mutation name
   */
  constructor(base, rows, appliers) {
    this.#base = base;
    for (const row of rows) if (row.replayed) this.#replay(row, appliers[row.name]);
  }

  /** Returns a record's data, or undefined. */
  get(entity, id) {
    return this.#find(recordKey(entity, id))?.data;
  }

  /** Returns the data of all records of an entity, in no order. */
  all(entity) {
    const found = [];
    for (const [key, record] of this.#base) {
      if (record.entity === entity && !this.#over.has(key)) found.push(record.data);
    }
    for (const record of this.#over.values()) {
      if (record?.entity === entity) found.push(record.data);
    }
    return found;
  }

  isPending(entity, id) {
    return this.pending.has(recordKey(entity, id));
  }

  #replay(row, applier) {
    if (typeof applier !== "function") return;
    this.#draft = new Map();
    const store = {
      get: (entity, id) => this.get(entity, id),
      put: (entity, id, data) => this.#draft.set(recordKey(entity, id), { entity, id, data }),
      remove: (entity, id) => this.#draft.set(recordKey(entity, id), null),
    };
    try {
      applier(store, row.args, { id: row.id, time: row.time });
      for (const [key, record] of this.#draft) {
        this.#over.set(key, record);
        if (row.queued) this.pending.add(key);
      }
    } catch {
      // The server will say what is wrong with it; until then it simply shows no effect.
    } finally {
      this.#draft = null;
    }
  }

  #find(key) {
    if (this.#draft?.has(key)) return this.#draft.get(key) ?? undefined;
    if (this.#over.has(key)) return this.#over.get(key) ?? undefined;
    return this.#base.get(key);
  }
}
