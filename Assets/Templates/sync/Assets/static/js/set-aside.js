// What becomes of queue and state when their user may not have them here: a scope that is denied
// loses its state and keeps its queue; a queue that belongs to another user is put aside with its
// client's name, so that it can go on as if nothing had happened once that user is back. Each verb
// is one storage transaction. `core` is a SyncCore (see sync-core.js).

import { LocalStore } from "./local-store.js";
import { randomID } from "./random-id.js";

/** Deletes the state of a scope that may no longer be read; its queue stays. */
export function denyScope(core) {
  return core.change(async (tx) => {
    await LocalStore.forget(tx);
    return { reread: true };
  });
}

/**
 * Puts queue and state aside for the user they belong to, and begins with empty storage and a new
 * client. Does nothing where `refused` is no longer the client: another tab has done it already.
 */
export function setAside(core, refused) {
  return core.change(async (tx) => {
    if ((await tx.get("meta", "client")) !== refused) return undefined;
    await putAside(tx, await listed(tx));
    await beginAnew(tx, randomID());
    return { reread: true };
  });
}

/** Lists what was put aside, the oldest first: {client, rows, records, position, time}. */
export function setAsideQueues(core) {
  return core.storage.read(listed);
}

/**
 * Exchanges the present queue for the one of `client` that was put aside; the state is fetched
 * anew, because the log has gone on. The client keeps its name, so what was sent counts once.
 * @returns {Promise<boolean>} false where nothing of that client is aside
 */
export async function restoreQueue(core, client) {
  const restored = await core.change(async (tx) => {
    const list = await listed(tx);
    const found = list.find((one) => one.client === client);
    if (!found) return undefined;
    await putAside(tx, list.filter((one) => one !== found));
    await beginAnew(tx, client);
    for (const { seq, ...row } of found.rows) await tx.append(row);
    return { reread: true };
  });
  return restored !== undefined;
}

const listed = async (tx) => (await tx.get("meta", "setAside")) ?? [];

/** Adds the present queue to `list`, if there is anything in it, and stores the list. */
async function putAside(tx, list) {
  const rows = await tx.all("mutations");
  const client = await tx.get("meta", "client");
  const { records, position } = await LocalStore.read(tx);
  const time = new Date().toISOString();
  const entry = rows.length > 0 ? [{ client, rows, records, position, time }] : [];
  await tx.put("meta", "setAside", [...list, ...entry]);
}

async function beginAnew(tx, client) {
  await LocalStore.forget(tx);
  await tx.clear("mutations");
  await tx.put("meta", "client", client);
}
