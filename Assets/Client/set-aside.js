// What becomes of queue, state and copies when their user may not have them here: a scope that is
// denied loses its state, and its queue is put aside with the reason; a queue that belongs to another
// user is put aside with its client's name, so that it can go on as if nothing had happened once that
// user is back; who signs out leaves nothing. Each verb is one storage transaction, and the copies of
// pages that the browser keeps for offline use go as well. `replica` is a Replica (see replica.js).
//
//   set-aside queue: {client, rows, time, reason}   reason: {code, error}; absent in old storage

import { LocalStore } from "./local-store.js";
import { randomID } from "./random-id.js";

const copiesPrefix = "mizu-"; // of all caches that a service worker of ours makes
const shellPrefix = "mizu-shell-"; // of those that have nothing of anybody in them

/** Deletes the state of a scope that may no longer be read; its queue stays. */
export async function forgetState(replica) {
  await replica.change(async (tx) => {
    await LocalStore.forget(tx);
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

/**
 * Takes a scope from this device that its user may not read any more: the state is deleted, the queue
 * put aside with `reason`, and the other tabs are told.
 * @returns {Promise<object[]>} the edits of this scope that lie aside for such a reason
 */
export async function loseScope(replica, reason) {
  const { edits } = await replica.change(async (tx) => {
    const list = await putAside(tx, await listed(tx), reason);
    await beginAnew(tx);
    const edits = editsOf(list, reason.code);
    return { reread: true, forgot: true, lost: { reason, edits }, edits };
  });
  await deleteCopies();
  return edits;
}

/**
 * Puts the queue alone aside with `reason`: its user may read here, and not write.
 * @returns {Promise<object[]>} the edits that lie aside for such a reason
 */
export async function refuseQueue(replica, reason) {
  const { edits } = await replica.change(async (tx) => {
    const rows = (await tx.all("mutations")).filter((row) => row.queued);
    const list = await putAside(tx, await listed(tx), reason, rows);
    await Promise.all(rows.map((row) => tx.removeRow(row)));
    return { edits: editsOf(list, reason.code) };
  });
  return edits;
}

/**
 * Puts the queue aside for the user it belongs to, deletes the state, and begins with empty storage
 * and a new client. Does nothing if `refused` is no longer the client: another tab has done it.
 */
export async function setAside(replica, refused, reason) {
  await replica.change(async (tx) => {
    if ((await tx.get("meta", "client")) !== refused) return undefined;
    await putAside(tx, await listed(tx), reason);
    await beginAnew(tx, randomID());
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

/** Lists what was put aside, the oldest first: {client, rows, time, reason}. */
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
    await putAside(tx, list.filter((one) => one !== found), { code: "exchanged", error: "" });
    await beginAnew(tx, client);
    for (const row of found.rows) await tx.append(row);
    return { reread: true };
  });
  return restored !== undefined;
}

/** Takes what was put aside for a reason with this code back into the queue, behind what is there. */
export async function takeBack(replica, code) {
  await replica.change(async (tx) => {
    const list = await listed(tx);
    const found = list.filter(({ reason }) => reason?.code === code);
    if (found.length === 0) return undefined;
    for (const row of found.flatMap(({ rows }) => rows)) await tx.append(row);
    await tx.put("meta", "setAside", list.filter((one) => !found.includes(one)));
    return undefined;
  });
}

/** Forgets a queue that was put aside; false if there is none of that client. */
export async function discardQueue(replica, client) {
  return replica.storage.write(async (tx) => {
    const list = await listed(tx);
    const rest = list.filter((one) => one.client !== client);
    await tx.put("meta", "setAside", rest);
    return rest.length < list.length;
  });
}

/** Deletes all that this device keeps of the user: state, queue, what was put aside, copies. */
export async function forgetAll(replica) {
  await replica.change(async (tx) => {
    await beginAnew(tx, randomID());
    for (const key of ["setAside", "listed", "seal"]) await tx.remove("meta", key);
    return { reread: true, forgot: true, signedOut: true };
  });
  replica.journal.clear();
  await deleteCopies({ withShell: true });
}

/** Deletes the caches of our service workers; the shell, in which nobody's data is, only if asked. */
export async function deleteCopies({ withShell = false } = {}) {
  try {
    for (const name of await caches.keys()) {
      const isKept = name.startsWith(shellPrefix) && !withShell;
      if (name.startsWith(copiesPrefix) && !isKept) await caches.delete(name);
    }
  } catch { /* no caches over plain http; then there are no copies, either */ }
}

const listed = async (tx) => (await tx.get("meta", "setAside")) ?? [];

const editsOf = (list, code) => list.filter(({ reason }) => reason?.code === code)
  .flatMap(({ rows }) => rows.map(({ id, name, args, time }) => ({ id, name, args, time })));

/**
 * Adds `rows`, by default what is undecided or refused of the present queue, to `list`; stores that and
 * returns it. What one client has aside for one reason is one queue.
 */
async function putAside(tx, list, reason, rows) {
  const aside = rows
    ?? (await tx.all("mutations")).filter((row) => row.queued || row.refusal);
  const client = await tx.get("meta", "client");
  const time = new Date().toISOString();
  const isSame = (one) => one.client === client && one.reason?.code === reason.code;
  const before = list.filter(isSame).flatMap((one) => one.rows);
  const whole = aside.length === 0 ? list : [
    ...list.filter((one) => !isSame(one)), { client, rows: [...before, ...aside], time, reason },
  ];
  await tx.put("meta", "setAside", whole);
  return whole;
}

async function beginAnew(tx, client) {
  await LocalStore.forget(tx);
  await tx.clearRows();
  if (client) await tx.put("meta", "client", client);
}
