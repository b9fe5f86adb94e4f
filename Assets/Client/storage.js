// Keeps what must survive for a client: in IndexedDB if that works, in plain memory if it is missing
// or broken (then the queue lives as long as the page, and the status says so). Which of the two it
// is may change under an open page, and nothing that was typed goes with it:
//
//   opening ──IndexedDB answers──► indexeddb ──it is deleted──► memory (lost, for good), begun with
//      └──no answer in time──► memory ──it answers after all──► indexeddb         what the page has
//
// Verbs: read(work), write(work): `work` gets a Transaction and awaits nothing else. A `work` whose
// storage went away under it is done again in the next one: it may run twice, and must be able to.

import { IndexedStorage } from "./indexed-storage.js";
import { MemoryStorage } from "./memory-storage.js";
import { randomID } from "./random-id.js";

// Between tries of what the browser has ended. While it takes a storage away it may end what is begun
// anew, too; after some failures in a row IndexedStorage counts as lost.
const pausesMs = [0, 20, 80, 200, 500];
const openBoundMs = 2500; // somebody looks at the page, and what they type must be kept somewhere

/** The name of what a device keeps of a scope for a user: of a database, and in what belongs to it. */
export const storageName = (baseURL, scope, user) =>
  `mizu:${JSON.stringify([baseURL, scope, user])}`;

export class Storage {
  /** True if IndexedDB was there and has gone. */
  isLost = false;
  #name;
  #hooks;
  #inner = null;

  /**
   * @param {object} hooks `news(news)` after a transaction that has some, `copy()` returns
   *   {meta, records, rows} of what the page has in memory, `switched()` when the kind is another
   */
  constructor(name, hooks) {
    this.#name = name;
    this.#hooks = hooks;
  }

  /** "opening", "indexeddb" or "memory". */
  get kind() {
    return this.#inner?.kind ?? "opening";
  }

  async open() {
    const indexed = new IndexedStorage(this.#name, () => this.#lost(indexed));
    const opening = indexed.transact(nameClient);
    try {
      await inTime(opening);
      this.#inner = indexed;
    } catch (error) {
      console.info("mizu: IndexedDB does not work here, edits live as long as this page:", error);
      this.#inner = new MemoryStorage();
      opening.then(() => this.#arrived(indexed)).catch(() => {});
    }
    await this.write(nameClient);
  }

  read(work) {
    return this.#perform((inner) => inner.read(work));
  }

  /** Lets go of the database; what is asked afterwards opens it again. */
  close() {
    this.#inner?.close();
  }

  /** Returns what `work` returned, once its effects are durable. */
  async write(work) {
    const { result, news } = await this.transact(work);
    if (news) this.#hooks.news(news);
    return result;
  }

  /** The same, but returns the news instead of passing it to the hook: {result, news}. */
  transact(work) {
    return this.#perform((inner) => inner.transact(work));
  }

  /** Adds rows to the queue; see IndexedStorage.append. */
  async append(rows) {
    const { news } = await this.#perform((inner) => inner.append(rows));
    if (news) this.#hooks.news(news);
  }

  async #perform(act, tries = 1) {
    const inner = this.#inner;
    try {
      const result = await act(inner);
      if (this.#inner === inner) return result;
    } catch (error) {
      if (this.#inner === inner) {
        if (tries > pausesMs.length || !wasEndedByBrowser(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pausesMs[tries - 1]));
        return this.#perform(act, tries + 1);
      }
    }
    return this.#perform(act); // what it did went with the storage that it was done in
  }

  /** Goes on in memory, from what the page has: its records, and every row of its queue. */
  #lost(indexed) {
    if (this.#inner !== indexed) return;
    const memory = new MemoryStorage();
    const { meta, records, rows } = this.#hooks.copy();
    // The first transaction: whatever is asked of it from now on comes after this one.
    memory.transact(async (tx) => {
      for (const [key, value] of Object.entries(meta)) await tx.put("meta", key, value);
      for (const one of records) await tx.put("records", [one.entity, one.id], one);
      for (const row of rows) await tx.append(row);
    });
    this.#inner = memory;
    this.isLost = true;
    this.#hooks.switched();
  }

  /** IndexedDB has answered after all: takes the rows over, those that were sent already too. */
  async #arrived(indexed) {
    const memory = this.#inner;
    if (memory?.kind !== "memory" || this.isLost) return;
    // No other transaction of the memory runs meanwhile; those after this one are done again.
    await memory.transact(async (tx) => {
      await indexed.append(await tx.all("mutations"));
      this.#inner = indexed;
    });
    this.#hooks.switched();
  }
}

/** Returns the client's name; makes one if there is none, because somebody cleared the storage. */
export async function nameClient(tx) {
  const known = await tx.get("meta", "client");
  if (known) return known;
  const client = randomID();
  await tx.put("meta", "client", client);
  return client;
}

/**
 * A browser that takes the storage away ends its transactions first and says so later: whoever asks
 * again learns which of the two it was. A full disk has a name of its own (QuotaExceededError).
 */
function wasEndedByBrowser(error) {
  return ["AbortError", "InvalidStateError", "UnknownError"].includes(error?.name);
}

function inTime(promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer yet")), openBoundMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
