// The same verbs as IndexedDB's storage, over plain maps: for a browser without a working
// IndexedDB. Transactions run one after the other; one that throws leaves no trace. What is here
// belongs to one page and is gone with it.

import { Transaction } from "./transaction.js";

const names = ["meta", "mutations", "args", "records", "aside"];

export class MemoryStorage {
  kind = "memory";
  #stores = Object.fromEntries(names.map((name) => [name, new Map()]));
  #lastSeq = 0;
  #tail = Promise.resolve();

  close() {}

  async read(work) {
    return (await this.transact(work)).result;
  }

  async write(work) {
    return (await this.transact(work)).result;
  }

  /** Adds rows to the queue. */
  append(rows) {
    return this.transact((tx) => Promise.all(rows.map((row) => tx.append(row))));
  }

  /**
   * Runs `work` after all that came before it; its effects are kept only if it does not throw.
   * @returns {Promise<{result: any, news: object|null}>} see transaction.js
   */
  transact(work) {
    const turn = this.#tail.then(async () => {
      const raw = new RawMaps(this.#stores, () => ++this.#lastSeq);
      try {
        const tx = new Transaction(raw);
        const result = await work(tx);
        return { result, news: await tx.finish() };
      } catch (error) {
        raw.undo();
        throw error;
      }
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }
}

class RawMaps {
  #stores;
  #nextSeq;
  #undos = [];

  constructor(stores, nextSeq) {
    this.#stores = stores;
    this.#nextSeq = nextSeq;
  }

  async get(store, key) {
    return structuredClone(this.#stores[store].get(word(key)));
  }

  async all(store) {
    return structuredClone([...this.#stores[store].values()]);
  }

  async rowByID(id) {
    return this.#rows((row) => row.id === id)[0];
  }

  async queuedRows(count) {
    return this.#rows((row) => row.queued === 1).slice(0, count);
  }

  async settledRows(cursor) {
    return this.#rows((row) => row.result?.cursor <= cursor);
  }

  async put(store, key, value) {
    const map = this.#stores[store];
    const [name, before] = [word(key), map.get(word(key))];
    this.#undos.push(before === undefined ? () => map.delete(name) : () => map.set(name, before));
    map.set(name, structuredClone(value));
  }

  async addRow(row) {
    const seq = this.#nextSeq();
    await this.put("mutations", seq, { ...row, seq });
    return seq;
  }

  async remove(store, key) {
    const map = this.#stores[store];
    const [name, before] = [word(key), map.get(word(key))];
    if (map.delete(name)) this.#undos.push(() => map.set(name, before));
  }

  async clear(store) {
    const before = this.#stores[store];
    this.#undos.push(() => { this.#stores[store] = before; });
    this.#stores[store] = new Map();
  }

  /** Takes back all that was done, the last first; a store's order is that of its keys. */
  undo() {
    for (const undo of this.#undos.reverse()) undo();
    const rows = [...this.#stores.mutations].sort(([, a], [, b]) => a.seq - b.seq);
    this.#stores.mutations = new Map(rows);
  }

  #rows(isWanted) {
    return structuredClone([...this.#stores.mutations.values()].filter(isWanted));
  }
}

const word = (key) => JSON.stringify(key);
