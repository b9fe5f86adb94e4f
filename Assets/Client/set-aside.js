// What becomes of queue, state and copies when their user may not have them here: a scope that is
// denied loses its state and keeps its queue; a queue that belongs to another user is put aside with
// its client's name, so that it can go on as if nothing had happened once that user is back; who
// signs out leaves nothing. Each verb is one storage transaction, and the copies of pages that the
// browser keeps for offline use go as well. `replica` is a Replica (see replica.js).

import { LocalStore } from "./local-store.js";
import { randomID } from "./random-id.js";

const copiesPrefix = "mizu-"; // of all caches that a service worker of ours makes

/** Deletes the state of a scope that may no longer be read; its queue stays. */
export async function forgetState(replica) {
  await replica.change(async (tx) => {
    await LocalStore.forget(tx);
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

/**
 * Puts the queue aside for the user it belongs to, deletes the state, and begins with empty storage
 * and a new client. Does nothing if `refused` is no longer the client: another tab has done it.
 */
export async function setAside(replica, refused) {
  await replica.change(async (tx) => {
    if ((await tx.get("meta", "client")) !== refused) return undefined;
    await putAside(tx, await listed(tx));
    await beginAnew(tx, randomID());
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

/** Lists what was put aside, the oldest first: {client, rows, time}. */
export function setAsideQueues(replica) {
  return replica.storage.read(listed);
}

/**
 * Exchanges the present queue for the one of `client` that was put aside; the state is fetched
 * again, because the log has gone on. The client keeps its name, so what was sent counts once.
 * @returns {Promise<boolean>} false if nothing of that client is aside
 */
export async function restoreQueue(replica, client) {
  const restored = await replica.change(async (tx) => {
    const list = await listed(tx);
    const found = list.find((one) => one.client === client);
    if (!found) return undefined;
    await putAside(tx, list.filter((one) => one !== found));
    await beginAnew(tx, client);
    for (const row of found.rows) await tx.append(row);
    return { reread: true };
  });
  return restored !== undefined;
}

/** Deletes all that this device keeps of the user: state, queue, what was put aside, copies. */
export async function forgetAll(replica) {
  await replica.change(async (tx) => {
    await beginAnew(tx, randomID());
    await tx.remove("meta", "setAside");
    return { reread: true, forgot: true, signedOut: true };
  });
  replica.journal.clear();
  await deleteCopies();
}

const listed = async (tx) => (await tx.get("meta", "setAside")) ?? [];

/** Adds the present queue to `list`, if there is anything in it, and stores the list. */
async function putAside(tx, list) {
  const rows = await tx.all("mutations");
  const client = await tx.get("meta", "client");
  const time = new Date().toISOString();
  const entry = rows.length > 0 ? [{ client, rows, time }] : [];
  await tx.put("meta", "setAside", [...list, ...entry]);
}

async function beginAnew(tx, client) {
  await LocalStore.forget(tx);
  await tx.clearRows();
  await tx.put("meta", "client", client);
}

async function deleteCopies() {
  try {
    for (const name of await caches.keys()) {
      if (name.startsWith(copiesPrefix)) await caches.delete(name);
    }
  } catch { /* no caches over plain http; then there are no copies, either */ }
}
