// Where a client keeps what must survive: four stores and transactions over all of them.
//   meta       client, position, snapshot, syncedAt, set-aside queues      key: a word
//   mutations  one row for each mutation that is not done with            key: 1, 2, 3, … as made
//   records    the state at `position`                                    key: [entity, id]
//   aside      the pages of a snapshot that is being gathered             key: [entity, id]
// IndexedDB where it works, plain memory where it is missing or broken (then the queue lives as
// long as the page, and the status says so). Both kinds offer the same verbs:
//   read(work), write(work): `work` gets a transaction `tx` and must await nothing else inside.
// And append(rows), for edits that people have just made: see there.

import { randomID } from "./random-id.js";
import { MemoryStorage } from "./memory-storage.js";

const stores = ["meta", "mutations", "records", "aside"];
const openTimeoutMs = 10_000;

/**
 * Opens the storage called `name` and makes sure that it has a client id.
 * @returns {Promise<{storage: IndexedStorage|MemoryStorage, client: string}>}
 */
export async function openStorage(name) {
  try {
    const storage = new IndexedStorage(name);
    return { storage, client: await ensureClient(storage) };
  } catch (error) {
    console.info("mizu: IndexedDB does not work here, edits live as long as this page:", error);
    const storage = new MemoryStorage();
    return { storage, client: await ensureClient(storage) };
  }
}

/** Returns the client id; makes one for storage in memory, and after `setAside`. */
export function ensureClient(storage) {
  return storage.write(async (tx) => {
    const known = await tx.get("meta", "client");
    if (known) return known;
    const client = randomID();
    await tx.put("meta", "client", client);
    return client;
  });
}

class IndexedStorage {
  kind = "indexeddb";
  #name;
  #database = null;

  constructor(name) {
    this.#name = name;
  }

  read(work) {
    return this.#run("readonly", work);
  }

  write(work) {
    return this.#run("readwrite", work);
  }

  /**
   * Stores new rows of the queue, strictly: a machine that dies must not forget an edit that it
   * showed. All of it is in the browser's hands before this first waits, so a page that is
   * reloaded in the same moment loses nothing.
   */
  async append(rows) {
    const transaction = await this.#begin("readwrite", "strict");
    const done = settled(transaction);
    try {
      for (const row of rows) transaction.objectStore("mutations").add(row);
      transaction.commit?.();
    } catch (error) {
      abandon(transaction, done);
      throw error;
    }
    await done;
  }

  async #run(mode, work) {
    const transaction = await this.#begin(mode, "relaxed");
    const done = settled(transaction);
    let result;
    try {
      result = await work(new IndexedTransaction(transaction));
    } catch (error) {
      abandon(transaction, done);
      throw error;
    }
    await done;
    return result;
  }

  /** Begins a transaction; a connection that the browser has closed is opened once more. */
  async #begin(mode, durability) {
    const database = await this.#open();
    try {
      return database.transaction(stores, mode, { durability });
    } catch (error) {
      if (error?.name !== "InvalidStateError") throw error;
      this.#database = null;
      return (await this.#open()).transaction(stores, mode, { durability });
    }
  }

  #open() {
    this.#database ??= this.#connect().catch((error) => {
      this.#database = null;
      throw error;
    });
    return this.#database;
  }

  #connect() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer")), openTimeoutMs);
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => {
        for (const store of stores) {
          request.result.createObjectStore(store, { autoIncrement: store === "mutations" });
        }
        // The client's name is made with the queue it names, in one transaction, and lost with it.
        request.transaction.objectStore("meta").put(randomID(), "client");
      };
      request.onerror = () => {
        clearTimeout(timer);
        reject(request.error);
      };
      request.onsuccess = () => {
        clearTimeout(timer);
        const database = request.result;
        database.onclose = () => { this.#database = null; };
        database.onversionchange = () => {
          this.#database = null;
          database.close();
        };
        resolve(database);
      };
    });
  }
}

class IndexedTransaction {
  #transaction;

  constructor(transaction) {
    this.#transaction = transaction;
  }

  async get(store, key) {
    const value = await finished(this.#transaction.objectStore(store).get(key));
    return store === "mutations" && value ? { ...value, seq: key } : value;
  }

  /** Returns all values of a store, by key; rows of the queue carry their key as `seq`. */
  async all(store) {
    const source = this.#transaction.objectStore(store);
    if (store !== "mutations") return finished(source.getAll());
    const [keys, rows] = await Promise.all([
      finished(source.getAllKeys()), finished(source.getAll()),
    ]);
    return rows.map((row, index) => ({ ...row, seq: keys[index] }));
  }

  put(store, key, value) {
    return finished(this.#transaction.objectStore(store).put(value, key));
  }

  /** Adds a row to the mutations and returns the row with its number in `seq`. */
  async append(row) {
    const seq = await finished(this.#transaction.objectStore("mutations").add(row));
    return { ...row, seq };
  }

  remove(store, key) {
    return finished(this.#transaction.objectStore(store).delete(key));
  }

  clear(store) {
    return finished(this.#transaction.objectStore(store).clear());
  }
}

function settled(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("transaction aborted"));
  });
}

/** Ends a transaction whose error is already known. */
function abandon(transaction, done) {
  done.catch(() => {});
  try {
    transaction.abort();
  } catch { /* it is over already */ }
}

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
