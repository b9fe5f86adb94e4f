// The records of one scope as the server had them at one position, and the rules by which that
// position moves. It moves in one storage transaction with the records: by a snapshot, or by
// changes each exactly one above the one before. What is at or below it is skipped, whatever
// brought it; a hole or another epoch means pull. So answers, deltas and pokes may come late,
// twice and in any order. A result of an own mutation never moves it: others' changes lie between.

export const recordKey = (entity, id) => JSON.stringify([entity, id]);

export const recordsByKey = (records) =>
  new Map(records.map((one) => [recordKey(one.entity, one.id), one]));

export class LocalStore {
  /** Records in memory by `recordKey`: {entity, id, data}. */
  records = new Map();
  /** {cursor, epoch}, or null before the first snapshot. */
  position = null;

  /** Reads the records and the position of storage as they are now. */
  static async read(tx) {
    const position = (await tx.get("meta", "position")) ?? null;
    return { position, records: await tx.all("records") };
  }

  /** Takes what `read` returned. */
  show({ position, records }) {
    this.records = recordsByKey(records);
    this.position = position;
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
    // Changes beyond the cursor that is told would move us to an epoch nobody has named.
    if (fresh.length > 0 && target.cursor !== position.cursor) return { moved: false, gap: true };
    if (fresh.length === 0) return { moved: false, gap: false };
    await writeChanges(tx, "records", fresh);
    await tx.put("meta", "position", target);
    return { moved: true, gap: false, patch: { base: here, changes: fresh, position: target } };
  }

  /**
   * Moves the copy in memory by what `apply` has made durable.
   * @returns {boolean} false where the copy was elsewhere, and must be read anew
   */
  patch({ base, changes, position }) {
    if (!this.position || !samePosition(this.position, base)) return false;
    for (const change of changes) {
      const key = recordKey(change.entity, change.id);
      if (change.op === "delete") this.records.delete(key);
      else if (isWrite(change)) this.records.set(key, recordOf(change));
    }
    this.position = position;
    return true;
  }

  /** Tells whether a poke at `position` means that there is something to pull. */
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
    await tx.clear("aside");
    await tx.remove("meta", "snapshot");
  }

  /** Deletes the state, and leaves the queue alone. */
  static async forget(tx) {
    await tx.clear("records");
    await tx.clear("aside");
    for (const key of ["position", "snapshot", "syncedAt"]) await tx.remove("meta", key);
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
const recordOf = ({ entity, id, data }) => ({ entity, id, data });
