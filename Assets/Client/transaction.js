// One transaction of a client's storage, the same over IndexedDB and over memory. The rows of the
// queue have verbs of their own, so that a change costs what it touches and not what waits: they
// are found by index, a row's args lie apart and are written once, and what is done to rows is noted
// as *news*, which memory and the other tabs apply in place of reading the queue again:
//
//   {lineage, base, revision, ops: [{op: "put", row}, {op: "remove", seq, id}, {op: "clear"}]}
//
// Each transaction with news raises the revision by one. The lineage names a count of revisions: it
// is random, and another one after somebody has cleared the storage. Only the first `put` of a row
// carries its args. `raw` has the few verbs in which the two kinds of storage differ.

import { randomID } from "./random-id.js";

export class Transaction {
  #raw;
  #ops = [];

  constructor(raw) {
    this.#raw = raw;
  }

  get(store, key) {
    return this.#raw.get(store, key);
  }

  /** Returns all values of a store, by key; those of "mutations" are the queue's rows, whole. */
  async all(store) {
    if (store !== "mutations") return this.#raw.all(store);
    const [rows, args] = await Promise.all([this.rows(), this.#raw.all("args")]);
    const byID = new Map(args.map((one) => [one.id, one.args]));
    return rows.map((row) => ({ ...row, args: byID.get(row.id) }));
  }

  put(store, key, value) {
    return this.#raw.put(store, key, value);
  }

  remove(store, key) {
    return this.#raw.remove(store, key);
  }

  clear(store) {
    return this.#raw.clear(store);
  }

  // The queue: rows come without args, oldest first, each with its number in `seq`

  async rows() {
    return (await this.#raw.all("mutations")).map(shown);
  }

  /** Returns the row of the mutation `id`, or undefined. */
  async row(id) {
    const row = await this.#raw.rowByID(id);
    return row && shown(row);
  }

  /** Returns the first `count` rows that wait for a result. */
  async queuedRows(count) {
    return (await this.#raw.queuedRows(count)).map(shown);
  }

  /** Returns the rows whose result is at or below `cursor`; without one, all that have a result. */
  async settledRows(cursor = Number.MAX_SAFE_INTEGER) {
    return (await this.#raw.settledRows(cursor)).map(shown);
  }

  /** Returns `rows` with their args. */
  async withArgs(rows) {
    const found = await Promise.all(rows.map((row) => this.#raw.get("args", row.id)));
    return rows.map((row, index) => ({ ...row, args: found[index]?.args ?? {} }));
  }

  /** Adds a row at the end of the queue, once: the row of that id that is there stays. */
  async append(row) {
    const known = await this.row(row.id);
    if (known) return known;
    const { args, seq: _, ...state } = row;
    const [seq] = await Promise.all([
      this.#raw.addRow(stored(state)), this.#raw.put("args", row.id, { id: row.id, args }),
    ]);
    const added = { ...state, seq };
    this.#ops.push({ op: "put", row: { ...added, args } });
    return added;
  }

  /** Writes a row back; its args stay as they are. */
  putRow({ args: _, ...row }) {
    this.#ops.push({ op: "put", row });
    return this.#raw.put("mutations", row.seq, stored(row));
  }

  removeRow({ seq, id }) {
    this.#ops.push({ op: "remove", seq, id });
    return Promise.all([this.#raw.remove("mutations", seq), this.#raw.remove("args", id)]);
  }

  clearRows() {
    this.#ops.push({ op: "clear" });
    return Promise.all([this.#raw.clear("mutations"), this.#raw.clear("args")]);
  }

  /** Returns {lineage, revision} of the queue as this transaction found it. */
  async revision() {
    return (await this.#raw.get("meta", "revision")) ?? { lineage: null, revision: 0 };
  }

  /** Writes down that there is news; returns it, or null. The transaction's last act. */
  async finish() {
    if (this.#ops.length === 0) return null;
    const found = await this.revision();
    const lineage = found.lineage ?? randomID();
    const revision = found.revision + 1;
    await this.#raw.put("meta", "revision", { lineage, revision });
    return { lineage, base: found.revision, revision, ops: this.#ops };
  }
}

// An index cannot hold a Boolean.
const stored = (row) => ({ ...row, queued: Number(row.queued) });
const shown = (row) => ({ ...row, queued: row.queued === 1 });
