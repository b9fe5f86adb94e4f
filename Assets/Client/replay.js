// The optimistic layer: pending mutations replayed, in their order, over the server's records.
// Appliers belong to the app: {"todo.create": (store, args, {id, time, user, role}) => …}. One that
// throws has no effect, as a refused mutation has none, and is among the failures. Nothing here is
// stored: it is computed again after each change of the records or of the queue, which is what undoes
// a refused mutation by itself.

import { recordKey } from "./local-store.js";

const grantEntity = "mizu.grant"; // who may what in a scope: id is the user's, {"role":"…"}

export class Overlay {
  #base;
  #user;
  #over = new Map();
  #draft = null;
  /** What appliers have thrown: {row, error}. */
  failures = [];
  /** Keys of records that a mutation still in the queue has touched. */
  pending = new Set();

  /**
   * @param {Map} base records by `recordKey`
   * @param {object[]} rows rows of the queue, in order; those not replayed are passed over
   * @param {object} appliers the app's functions by mutation name
   * @param {string} user whose mutations these are; "" for nobody's
   */
  constructor(base, rows, appliers, user = "") {
    this.#base = base;
    this.#user = user;
    for (const row of rows) if (row.replayed) this.#replay(row, appliers[row.name]);
  }

  /** Returns a record's data, or undefined. */
  get(entity, id) {
    return this.#find(recordKey(entity, id))?.data;
  }

  /** Returns the data of all records of an entity, in no order. */
  all(entity) {
    return this.#records(entity).map((record) => record.data);
  }

  /** Returns [id, data] of all records of an entity, in no order. */
  entries(entity) {
    return this.#records(entity).map((record) => [record.id, record.data]);
  }

  /** The user's role in the scope, as its grants say it; null without one. */
  get role() {
    return (this.#user && this.get(grantEntity, this.#user)?.role) || null;
  }

  isPending(entity, id) {
    return this.pending.has(recordKey(entity, id));
  }

  /** What lies over the base: records by `recordKey`, null for one that is deleted. */
  get written() {
    return this.#over;
  }

  #replay(row, applier) {
    if (typeof applier !== "function") return;
    const mutation = { id: row.id, time: row.time, user: this.#user || null, role: this.role };
    this.#draft = new Map();
    const store = {
      get: (entity, id) => this.get(entity, id),
      all: (entity) => this.all(entity),
      put: (entity, id, data) => this.#draft.set(recordKey(entity, id), { entity, id, data }),
      remove: (entity, id) => this.#draft.set(recordKey(entity, id), null),
    };
    try {
      applier(store, row.args, mutation);
      for (const [key, record] of this.#draft) {
        this.#over.set(key, record);
        if (row.queued) this.pending.add(key);
      }
    } catch (error) {
      // The server has the last word on the mutation; until then it shows no effect.
      this.failures.push({ row, error });
    } finally {
      this.#draft = null;
    }
  }

  #records(entity) {
    const over = this.#draft ? new Map([...this.#over, ...this.#draft]) : this.#over;
    const found = [];
    for (const [key, record] of this.#base) {
      if (record.entity === entity && !over.has(key)) found.push(record);
    }
    for (const record of over.values()) if (record?.entity === entity) found.push(record);
    return found;
  }

  #find(key) {
    if (this.#draft?.has(key)) return this.#draft.get(key) ?? undefined;
    if (this.#over.has(key)) return this.#over.get(key) ?? undefined;
    return this.#base.get(key);
  }
}
