// What this device keeps for a user in all scopes, also in those that no page has open: which storages
// there are, what waits in them, and how all of it goes. A storage is a database and the journal beside
// it (journal.js). Works on storages that are closed; whoever has one open is told by its database
// (`versionchange`) that it goes.

import { IndexedStorage } from "./indexed-storage.js";
import { Journal } from "./journal.js";
import { keepSealed } from "./kept-edits.js";
import { LocalStore } from "./local-store.js";
import { storageName } from "./storage.js";

const storagePrefix = "mizu:";
const deleteBoundMs = 3000; // a tab that does not let go ends it later, by itself

/** The scope that each user has for what is theirs alone. */
export const homeOf = (user) => `user:${user}`;

/** Lists {name, scope, user} of the storages on this device for a server. */
export async function storagesFor(baseURL) {
  const names = new Set([...await databaseNames(), ...Journal.storages()]);
  return [...names].map(partsOf).filter((one) => one?.baseURL === baseURL);
}

/**
 * Reads what has not reached the server, in all storages of a user.
 * @returns {Promise<{name, scope, client, rows, aside}[]>} `rows` of the queue, `aside` queues that
 *   were put aside; of each storage, also if there is nothing. Rejects if one cannot be read
 */
export async function editsOnDevice(baseURL, user) {
  const databases = new Set(await databaseNames());
  const found = [];
  for (const one of await storagesFor(baseURL)) {
    if (one.user !== user) continue;
    const stored = databases.has(one.name) ? await readStorage(one.name) : emptyStorage;
    const known = new Set(stored.rows.map((row) => row.id));
    const journal = new Journal(one.name).rows().filter((row) => !known.has(row.id));
    const rows = [...stored.rows, ...journal].filter((row) => row.queued || row.refusal);
    found.push({ name: one.name, scope: one.scope, client: stored.client, rows, aside: stored.aside });
  }
  return found;
}

export const countOf = (found) =>
  found.reduce((sum, { rows, aside }) =>
    sum + rows.length + aside.reduce((more, one) => more + one.rows.length, 0), 0);

/** Seals what `editsOnDevice` has found, for the day on which its user is back. */
export async function keepEdits(seal, found) {
  const some = found.filter((one) => countOf([one]) > 0);
  if (some.length > 0) await keepSealed(seal, some.map(({ name: _, ...one }) => one));
}

/**
 * Puts edits that were kept back into the storages of their user, and tells the clients that have
 * these open. May be done twice: a queue takes an id once.
 */
export async function putBack(baseURL, user, kept) {
  for (const { scope, client, rows, aside } of kept) {
    const name = storageName(baseURL, scope, user);
    await withStorage(name, (tx) => restore(tx, client, rows, aside));
    tellToRead(name);
  }
}

/** Deletes the storages of a user: databases and journals. */
export async function forgetUser(baseURL, user) {
  for (const one of await storagesFor(baseURL)) {
    if (one.user === user) await deleteStorage(one.name);
  }
}

/**
 * Takes from this device what others than `user` have left here without signing out: what waits is
 * sealed with the seal of its owner. Where there is none, the records go and what waits stays.
 */
export async function forgetOthers(baseURL, user) {
  const others = new Set((await storagesFor(baseURL)).map((one) => one.user));
  for (const other of others) {
    if (other !== user && other !== "") await forgetLeft(baseURL, other);
  }
}

/** The same for one person, who has signed out where no script ran. */
export async function forgetLeft(baseURL, other) {
  const found = await editsOnDevice(baseURL, other);
  const seal = await new Notes(storageName(baseURL, homeOf(other), other)).get("seal");
  if (seal) await keepEdits(seal, found);
  for (const one of found) {
    if (seal || countOf([one]) === 0) await deleteStorage(one.name);
    else await withStorage(one.name, (tx) => LocalStore.forget(tx)).catch(() => {});
  }
}

/** A few words that a hub keeps beside the records of its user's own scope. */
export class Notes {
  #name;
  #memory = new Map();

  /** @param {string} name of the storage */
  constructor(name) {
    this.#name = name;
  }

  async get(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    if (!(await databaseNames()).includes(this.#name)) return undefined;
    return withStorage(this.#name, (tx) => tx.get("meta", key)).catch(() => undefined);
  }

  async put(key, value) {
    this.#memory.set(key, value);
    await withStorage(this.#name, (tx) => tx.put("meta", key, value)).catch(() => {});
  }
}

const emptyStorage = { client: null, rows: [], aside: [] };

async function restore(tx, client, rows, aside) {
  if (client && !(await tx.get("meta", "position"))) await tx.put("meta", "client", client);
  for (const row of rows) await tx.append(row);
  const list = (await tx.get("meta", "setAside")) ?? [];
  const isNew = (one) => !list.some((known) => known.client === one.client && known.time === one.time);
  await tx.put("meta", "setAside", [...list, ...aside.filter(isNew)]);
}

const readStorage = (name) => withStorage(name, async (tx) => ({
  client: (await tx.get("meta", "client")) ?? null,
  rows: await tx.all("mutations"),
  aside: (await tx.get("meta", "setAside")) ?? [],
}));

async function withStorage(name, work) {
  const storage = new IndexedStorage(name, () => {});
  try {
    return (await storage.transact(work)).result;
  } finally {
    storage.close();
  }
}

function deleteStorage(name) {
  new Journal(name).clear();
  return new Promise((resolve) => {
    setTimeout(resolve, deleteBoundMs);
    try {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = request.onerror = () => resolve();
    } catch {
      resolve();
    }
  });
}

async function databaseNames() {
  try {
    return (await indexedDB.databases()).map(({ name }) => name);
  } catch {
    return []; // no IndexedDB: there is nothing beside the journals
  }
}

function partsOf(name) {
  try {
    if (!name.startsWith(storagePrefix)) return null;
    const [baseURL, scope, user] = JSON.parse(name.slice(storagePrefix.length));
    return typeof user === "string" ? { name, baseURL, scope, user } : null;
  } catch {
    return null;
  }
}

function tellToRead(name) {
  if (typeof BroadcastChannel !== "function") return;
  const channel = new BroadcastChannel(name);
  channel.postMessage({ patch: null, news: null });
  channel.close();
}
