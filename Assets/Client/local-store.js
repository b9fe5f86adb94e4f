// The records of one scope as the server had them at one position, and the rules by which that
// position moves. It moves in one storage transaction with the records: by a snapshot, or by
// changes each exactly one above the one before. What is at or below it is skipped, whatever
// brought it; a hole or another epoch means pull. So answers, deltas and pokes may come late,
// twice and in any order. A result of an own mutation never moves it: others' changes lie between.
// With the records goes their checksum, moved by each change and computed again whenever all records are
// read: so the server's checksum of the same position finds what was lost on the way.

import { checksum, emptySum, moved, sumOf } from "./checksum.js";

export const recordKey = (entity, id) => JSON.stringify([entity, id]);

export const recordsByKey = (records) =>
  new Map(records.map((one) => [recordKey(one.entity, one.id), one]));

export class LocalStore {
  /** Records in memory by `recordKey`: {entity, id, data, version}. */
  records = new Map();
  /** {cursor, epoch}, or null before the first snapshot. */
  position = null;
  /** Which snapshot the state began with: a random word, null if none is known. */
  id = null;
  /** See checksum.js; null if the server sent no versions. */
  sum = emptySum;

  /** The checksum of the records in memory; null if the server sent no versions. */
  get checksum() {
    return this.position && checksum(this.sum);
  }

  /**
   * Reads the records and the position of storage as they are now.
   * @returns {Promise<{position: object|null, id: string|null, records: object[],
   *   sum: object|null, isDamaged: boolean}>} damaged: these are not the records that were written
   */
  static async read(tx) {
    const [{ position, id }, kept, records] = await Promise.all([
      LocalStore.whereabouts(tx), tx.get("meta", "sum"), tx.all("records"),
    ]);
    // Kept from before this client knew versions: nothing is known of it until a snapshot.
    const sum = kept ? sumOf(records) : null;
    const isDamaged = Boolean(position && kept && checksum(sum) !== checksum(kept));
    return { position, id, records, sum, isDamaged };
  }

  /** Returns {position, id} of the state in storage; either is null if there is none. */
  static async whereabouts(tx) {
    const [position, id] = await Promise.all([
      tx.get("meta", "position"), tx.get("meta", "state"),
    ]);
    return { position: position ?? null, id: id ?? null };
  }

  /** Takes what `read` returned. */
  show({ position, id, records, sum }) {
    this.records = recordsByKey(records);
    this.position = position;
    this.id = id;
    this.sum = sum;
  }

  /** Whether the copy in memory is of the state and the position that storage is at. */
  isAt({ position, id }) {
    if (!position || !this.position) return !position && !this.position;
    return samePosition(position, this.position) && id === this.id;
  }

  /**
   * Applies changes by the position rules, in `tx`.
   * @param {{changes: object[], position: object, asked?: object}} page what came; `asked` is the
   *   position that a pull was made from, absent for a delta
   * @returns {Promise<{moved: boolean, gap: boolean, patch?: object}>} `gap` means: pull. `patch`
   *   goes to `patch()` once the transaction is durable
   */
  static async apply(tx, { changes, position, asked }) {
    const here = await tx.get("meta", "position");
    if (!here) return { moved: false, gap: true };
    if (position.epoch !== here.epoch) {
      // The server has compared the position that was asked from, and no other, with its log.
      const compared = asked ? samePosition(asked, here) : here.cursor === 0;
      if (!compared) return { moved: false, gap: true };
    }
    const fresh = changes.filter((change) => change.cursor > here.cursor);
    if (fresh.some((change, index) => change.cursor !== here.cursor + 1 + index)) {
      return { moved: false, gap: true };
    }
    if (here.cursor + fresh.length < position.cursor) return { moved: false, gap: true };
    const target = { cursor: here.cursor + fresh.length, epoch: position.epoch };
    // Changes beyond the cursor of the message would move us to an epoch nobody has named.
    if (fresh.length > 0 && target.cursor !== position.cursor) return { moved: false, gap: true };
    if (fresh.length === 0) return { moved: false, gap: false };
    await tx.put("meta", "sum", await sumAfter(tx, fresh));
    await writeChanges(tx, "records", fresh);
    await tx.put("meta", "position", target);
    return { moved: true, gap: false, patch: { base: here, changes: fresh, position: target } };
  }

  /**
   * Moves the copy in memory by what `apply` has made durable.
   * @returns {boolean} false if the copy was elsewhere, and must be read again
   */
  patch({ base, changes, position }) {
    if (!this.position || !samePosition(this.position, base)) return false;
    for (const change of changes) {
      const key = recordKey(change.entity, change.id);
      this.sum = exchanged(this.sum, this.records.get(key), change);
      if (change.op === "delete") this.records.delete(key);
      else if (isWrite(change)) this.records.set(key, recordOf(change));
    }
    this.position = position;
    return true;
  }

  /** Whether memory is where `patch` would bring it, or further on in the same epoch. */
  isPast({ position }) {
    return this.position?.epoch === position.epoch && this.position.cursor >= position.cursor;
  }

  /** Whether a poke at `position` means that there is something to pull. */
  isBehind(position) {
    if (!this.position) return true;
    if (position.cursor > this.position.cursor) return true;
    return position.epoch !== this.position.epoch && this.position.cursor > 0;
  }

  /** Replaces the records by those gathered aside, and the position with them. */
  static async swap(tx, position) {
    await tx.clear("records");
    const gathered = await tx.all("aside");
    await Promise.all(gathered.map((one) => tx.put("records", [one.entity, one.id], one)));
    await tx.put("meta", "position", position);
    await tx.put("meta", "sum", sumOf(gathered));
    await tx.clear("aside");
    await tx.remove("meta", "snapshot");
  }

  /** Deletes the state, and leaves the queue alone. */
  static async forget(tx) {
    await tx.clear("records");
    await tx.clear("aside");
    for (const key of ["position", "sum", "state", "snapshot", "syncedAt"]) await tx.remove("meta", key);
  }
}

/** Writes whole records, as changes carry them, into `store` ("records" or "aside"). */
export async function writeChanges(tx, store, changes) {
  // Storage keeps the order in which they are asked for, so one wait serves them all.
  await Promise.all(changes.map((change) => {
    const key = [change.entity, change.id];
    if (change.op === "delete") return tx.remove(store, key);
    if (isWrite(change)) return tx.put(store, key, recordOf(change));
    return undefined; // an op of a later protocol counts, and changes nothing that we know of
  }));
}

export const samePosition = (a, b) => a.cursor === b.cursor && a.epoch === b.epoch;

const isWrite = (change) => change.op === "create" || change.op === "update";
const recordOf = ({ entity, id, data, cursor }) => ({ entity, id, data, version: cursor });

/** Returns the sum after `changes`, from the one kept and the records that they replace. */
async function sumAfter(tx, changes) {
  let sum = (await tx.get("meta", "sum")) ?? null;
  if (!sum) return null;
  const keys = new Map(changes.map((one) => [recordKey(one.entity, one.id), [one.entity, one.id]]));
  const found = await Promise.all([...keys.values()].map((key) => tx.get("records", key)));
  const here = new Map([...keys.keys()].map((key, index) => [key, found[index]]));
  for (const change of changes) {
    const key = recordKey(change.entity, change.id);
    sum = exchanged(sum, here.get(key), change);
    if (change.op === "delete") here.delete(key);
    else if (isWrite(change)) here.set(key, recordOf(change));
  }
  return sum;
}

/** Returns `sum` after `change` has taken the place of `before` (undefined if there was none). */
function exchanged(sum, before, change) {
  const isDelete = change.op === "delete";
  if (!isDelete && !isWrite(change)) return sum;
  const without = before ? moved(sum, before, -1) : sum;
  return isDelete ? without : moved(without, recordOf(change), 1);
}
