// A client's storage in IndexedDB. Five stores:
//   meta       client, position, sum, state, snapshot, syncedAt, set-aside queues …   key: a word
//   mutations  one row for each mutation that is not done with             key: seq, as made
//   args       the args of those rows, apart: {id, args}                   key: the mutation's id
//   records    the state at `position`                                     key: [entity, id]
//   aside      the pages of a snapshot that is being gathered              key: [entity, id]
//
// A connection that the browser closed is opened again. Storage is *lost* if what it held is not
// there any more or not ours to use: somebody deleted the database, or a newer page has changed it.
// Then each verb rejects with StorageLost for good; whoever uses this goes on in memory.

import { randomID } from "./random-id.js";
import { Transaction } from "./transaction.js";

const schemaVersion = 2;
const stores = ["meta", "mutations", "args", "records", "aside"];
const failuresMax = 3; // at opening again, one after the other; then it counts as lost

export class StorageLost extends Error {}

export class IndexedStorage {
  kind = "indexeddb";
  isLost = false;
  #name;
  #onLost;
  #database = null;
  /** What this database was born with: another word means that it was deleted and made again. */
  #birth = null;
  #failures = 0;

  /** @param {() => void} onLost called once */
  constructor(name, onLost) {
    this.#name = name;
    this.#onLost = onLost;
  }

  /** Closes the connection, once no transaction is on; the next verb opens another. */
  close() {
    const closing = this.#database;
    this.#database = null;
    closing?.then((database) => database.close()).catch(() => {});
  }

  async read(work) {
    return (await this.#run("readonly", "relaxed", work)).result;
  }

  /**
   * Runs `work(tx)`, which must await nothing but `tx`, as one durable transaction.
   * @returns {Promise<{result: any, news: object|null}>} see transaction.js
   */
  transact(work) {
    return this.#run("readwrite", "relaxed", work);
  }

  /** Adds rows to the queue, strictly: a machine that dies must not forget an edit it showed. */
  append(rows) {
    return this.#run("readwrite", "strict", (tx) => Promise.all(rows.map((row) => tx.append(row))));
  }

  async #run(mode, durability, work) {
    const transaction = await this.#begin(mode, durability);
    const done = settled(transaction);
    let outcome;
    try {
      const tx = new Transaction(new RawIndexed(transaction));
      const result = await work(tx);
      outcome = { result, news: await tx.finish() };
    } catch (error) {
      abandon(transaction);
      throw error;
    }
    await done;
    return outcome;
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
    if (this.isLost) return Promise.reject(new StorageLost("storage went away"));
    this.#database ??= this.#connect().catch((error) => {
      this.#database = null;
      this.#failures += 1;
      const isGone = error instanceof StorageLost || error?.name === "VersionError";
      if (this.#birth && (isGone || this.#failures >= failuresMax)) this.#lose();
      throw error;
    });
    return this.#database;
  }

  async #connect() {
    const database = await this.#request();
    const transaction = database.transaction("meta", "readonly");
    const birth = await finished(transaction.objectStore("meta").get("birth"));
    if (this.#birth && birth && birth !== this.#birth) {
      database.close();
      throw new StorageLost("another database has this one's name");
    }
    this.#birth ??= birth ?? randomID();
    this.#failures = 0;
    return database;
  }

  #request() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, schemaVersion);
      let isGone = false;
      request.onupgradeneeded = ({ oldVersion }) => {
        // Whoever deleted it did not ask for a new one.
        if (oldVersion === 0 && this.#birth) {
          isGone = true;
          request.transaction.abort();
        } else {
          upgrade(request.transaction, oldVersion);
        }
      };
      request.onerror = () => reject(isGone ? new StorageLost("it was deleted") : request.error);
      request.onsuccess = () => {
        const database = request.result;
        database.onclose = () => {
          this.#database = null;
          this.#open().catch(() => {}); // is it there, still?
        };
        database.onversionchange = () => {
          // Another page deletes it, or has made it what we do not know. It waits for us to close.
          database.close();
          this.#lose();
        };
        resolve(database);
      };
    });
  }

  #lose() {
    if (this.isLost) return;
    this.isLost = true;
    this.#onLost();
  }
}

function upgrade(transaction, oldVersion) {
  const { db: database } = transaction;
  const meta = oldVersion === 0
    ? database.createObjectStore("meta") : transaction.objectStore("meta");
  meta.put(randomID(), "birth");
  if (oldVersion === 0) {
    for (const store of ["records", "aside"]) database.createObjectStore(store);
    // The client's name is made with the queue it names, in one transaction, and lost with it.
    meta.put(randomID(), "client");
    makeQueue(database);
    return;
  }
  // Version 1 kept args in the rows, and the rows without their numbers.
  const old = transaction.objectStore("mutations");
  const [keys, values] = [old.getAllKeys(), old.getAll()];
  values.onsuccess = () => {
    database.deleteObjectStore("mutations");
    const { rows, args } = makeQueue(database);
    values.result.forEach(({ args: value, ...row }, index) => {
      rows.put({ ...row, queued: Number(row.queued), seq: keys.result[index] });
      args.put({ id: row.id, args: value });
    });
  };
}

function makeQueue(database) {
  const rows = database.createObjectStore("mutations", { keyPath: "seq", autoIncrement: true });
  rows.createIndex("id", "id");
  rows.createIndex("queued", "queued");
  rows.createIndex("settled", "result.cursor"); // has no entry for a row without a result
  return { rows, args: database.createObjectStore("args", { keyPath: "id" }) };
}

class RawIndexed {
  #transaction;

  constructor(transaction) {
    this.#transaction = transaction;
  }

  get(store, key) {
    return finished(this.#transaction.objectStore(store).get(key));
  }

  all(store) {
    return finished(this.#transaction.objectStore(store).getAll());
  }

  rowByID(id) {
    return finished(this.#rows("id").get(id));
  }

  queuedRows(count) {
    return finished(this.#rows("queued").getAll(1, count));
  }

  async settledRows(cursor) {
    const rows = await finished(this.#rows("settled").getAll(IDBKeyRange.upperBound(cursor)));
    return rows.sort((a, b) => a.seq - b.seq);
  }

  put(store, key, value) {
    const target = this.#transaction.objectStore(store);
    return finished(target.keyPath === null ? target.put(value, key) : target.put(value));
  }

  addRow(row) {
    return finished(this.#transaction.objectStore("mutations").add(row));
  }

  remove(store, key) {
    return finished(this.#transaction.objectStore(store).delete(key));
  }

  clear(store) {
    return finished(this.#transaction.objectStore(store).clear());
  }

  #rows(index) {
    return this.#transaction.objectStore("mutations").index(index);
  }
}

// A transaction that is aborted fails every request in it, also those that nobody awaits any more
// because the first failure was enough. All of that is said by the one promise that is awaited.

function settled(transaction) {
  return handled(new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(
      transaction.error ?? new DOMException("transaction aborted", "AbortError"));
  }));
}

function finished(request) {
  return handled(new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  }));
}

function handled(promise) {
  promise.catch(() => {});
  return promise;
}

function abandon(transaction) {
  try {
    transaction.abort();
  } catch { /* it is over already */ }
}
