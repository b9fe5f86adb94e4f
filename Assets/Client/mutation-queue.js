// The mutations of one client: one row in storage for each, in the order in which they were made.
//
//   queued ──result ok──► settled ──position reaches its cursor──► gone
//     │  └──refused──► refused ──retry──► (a new row with a new id) / ──discard──► gone
//     └──a change that names it──► seen (still queued, no longer replayed) ──result──► gone
//
//   queued    waits for a result; only a result takes it out of the queue
//   replayed  its effect is put on top of the local state each time that is shown
//   settled   applied by the server; replayed until the state has caught up with it
//   refused   in quarantine with the reason; neither queued nor replayed
//
// Replay and queue are two things, so a row has two flags and not one state. The verbs that take
// `tx` change storage only, and touch no row but those that they are about; what they did comes back
// as news (see transaction.js), and `take` does the same to the copy in memory.

import { randomID } from "./random-id.js";

export const batchCountMax = 100;
export const batchBytesMax = 1024 * 1024 - 4096; // the body's limit is 1 MiB, envelope included
export const internalErrorsMax = 5; // at the head of the queue; then the row goes to quarantine
const nameBytesMax = 128;

const utf8 = new TextEncoder();

export class MutationQueue {
  /** Stored rows by their number, oldest first; they are replaced, never changed in place. */
  #stored = new Map();
  /** Rows on their way into storage, by id. */
  #unsaved = new Map();
  #lineage = null;
  #revision = 0;
  /** News that came before the news that it builds on, by its base. */
  #held = new Map();
  #rows = [];

  /** All rows, oldest first, those on their way into storage last. */
  get rows() {
    if (this.#rows === null) {
      this.#rows = [...this.#stored.values(), ...this.#unsaved.values()];
    }
    return this.#rows;
  }

  /** Rows that wait for a result and whose effect has not been seen yet: what people wait for. */
  get waiting() {
    return this.rows.filter((row) => row.queued && row.replayed);
  }

  get refused() {
    return this.rows.filter((row) => row.refusal);
  }

  /**
   * Makes a row that is shown at once and not yet stored; the storage's `append` stores it.
   * @throws {TypeError} if the server could not even read the mutation
   */
  add(name, args) {
    const row = makeRow(name, args);
    this.#unsaved.set(row.id, row);
    this.#rows = null;
    return row;
  }

  isUnsaved({ id }) {
    return this.#unsaved.has(id);
  }

  /** Says that storage will never have the rows (if it has them, its news says so). */
  forgetUnsaved(rows) {
    for (const { id } of rows) this.#unsaved.delete(id);
    this.#rows = null;
  }

  /** Takes rows as they were read, at `revision`, in place of what was here. */
  show(rows, { lineage, revision }) {
    if (lineage === this.#lineage && revision < this.#revision) return; // overtaken on its way
    this.#stored = new Map(rows.map((row) => [row.seq, row]));
    for (const { id } of rows) this.#unsaved.delete(id);
    this.#lineage = lineage;
    this.#revision = revision;
    this.#rows = null;
    this.#takeHeld();
  }

  /**
   * Takes news of a transaction, from here or from another tab, in whatever order it comes.
   * @returns {boolean} false while something is missing: what comes before it is on its way, or the
   *   queue must be read
   */
  take(news) {
    if (this.#lineage === null && news.base === 0) this.#lineage = news.lineage; // the first
    if (news.lineage !== this.#lineage) return false;
    if (news.revision > this.#revision) this.#held.set(news.base, news);
    this.#takeHeld();
    return this.#held.size === 0;
  }

  /** Returns the args of a stored row that memory has, or undefined. */
  argsOf({ seq, id }) {
    const row = this.#stored.get(seq);
    return row?.id === id ? row.args : undefined;
  }

  #takeHeld() {
    for (let news; (news = this.#held.get(this.#revision));) {
      this.#revision = news.revision;
      for (const one of news.ops) this.#do(one);
      this.#rows = null;
    }
    for (const [base, news] of this.#held) {
      if (news.lineage !== this.#lineage || base < this.#revision) this.#held.delete(base);
    }
  }

  #do({ op, row, seq, id }) {
    if (op === "clear") {
      this.#stored.clear();
    } else if (op === "remove") {
      this.#stored.delete(seq);
      this.#unsaved.delete(id);
    } else {
      this.#stored.set(row.seq, { args: this.argsOf(row), ...row });
      this.#unsaved.delete(row.id);
    }
  }

  /**
   * Returns the head of the queue: at most `countMax` rows and as many bytes as a body may
   * have, at least one row if there is one.
   */
  async head(tx, countMax) {
    const batch = [];
    let bytes = 0;
    for (const row of await tx.queuedRows(countMax)) {
      if (batch.length > 0 && bytes + row.bytes > batchBytesMax) break;
      batch.push(row);
      bytes += row.bytes;
    }
    return tx.withArgs(batch);
  }

  /**
   * Writes down the results of a push. Matched by id; rows that another tab has dealt with
   * meanwhile are left alone. `position` is that of the local state, or undefined.
   * @returns {Promise<{retry: string|null, behind: boolean, pull: boolean}>} the code of the first
   *   result that said "retry"; whether the local state has yet to catch up with what was applied;
   *   whether only a pull can show that
   */
  async settle(tx, batch, results, position) {
    const byID = new Map(results.map((result) => [result.id, result]));
    const rows = await Promise.all(batch.map(({ id }) => tx.row(id)));
    const writes = []; // awaited together: a hundred of them one by one take their time
    let behind = false;
    let pull = false;
    let retry = null;
    for (const row of rows) {
      if (!row?.queued) continue;
      const result = byID.get(row.id);
      if (result?.ok === true) {
        const isComparable = position !== undefined && position.epoch === result.epoch;
        const isReached = isComparable && position.cursor >= result.cursor;
        if (isReached || !row.replayed) {
          writes.push(tx.removeRow(row));
        } else {
          // If the epochs differ, only the server can compare the cursors.
          behind = true;
          pull ||= !isComparable;
          writes.push(tx.putRow({
            ...row, queued: false, result: { cursor: result.cursor, epoch: result.epoch },
          }));
        }
      } else if (result && result.retry !== true) {
        writes.push(tx.putRow(refusedRow(row, result.code, result.error)));
      } else {
        // All before it are decided, so it heads the queue; those after it were not tried.
        const { write, code } = failed(tx, row, result);
        writes.push(write);
        retry = code;
        break;
      }
    }
    await Promise.all(writes);
    return { retry, behind, pull };
  }

  /** Puts a row into quarantine without a result of its own (413 for a batch of one). */
  async refuse(tx, { id }, code, error) {
    const row = await tx.row(id);
    if (row?.queued) await tx.putRow(refusedRow(row, code, error));
  }

  /**
   * Takes note of changes that name mutations, and drops what `position` has caught up with. Those
   * in `decided` it has caught up with by what the caller knows, whatever cursor their result had.
   */
  async observe(tx, changes, position, decided = []) {
    const named = new Set([...decided, ...changes.map((change) => change.mutation)]);
    const [found, settled] = await Promise.all([
      rowsNamed(tx, named), tx.settledRows(position.cursor),
    ]);
    const isNotIn = (rows) => (row) => !rows.some((one) => one.seq === row.seq);
    const done = found.filter((row) => !row.queued && !row.refusal).filter(isNotIn(settled));
    await Promise.all([
      ...[...settled, ...done].map((row) => tx.removeRow(row)),
      ...found.filter((row) => row.queued && row.replayed).map((row) => seen(tx, row)),
    ]);
  }

  /** Marks what was settled before a snapshot began: the snapshot has it, or it is lost. */
  async beginSnapshot(tx) {
    const rows = await tx.settledRows();
    await Promise.all(rows.map((row) => tx.putRow({ ...row, beforeSnapshot: true })));
  }

  /** Ends the replay of what the new state contains; `named` are ids met on the way to it. */
  async endSnapshot(tx, position, named) {
    const [found, settled] = await Promise.all([
      rowsNamed(tx, new Set(named)), tx.settledRows(),
    ]);
    const done = settled.filter((row) => row.beforeSnapshot || row.result.cursor <= position.cursor);
    await Promise.all([
      ...found.filter((row) => row.queued && row.replayed).map((row) => seen(tx, row)),
      ...done.map((row) => tx.removeRow(row)),
    ]);
  }

  /** Takes a refused mutation out of quarantine as a new one, with a new id, at the queue's end. */
  async retry(tx, id) {
    const row = await tx.row(id);
    if (!row?.refusal) return null;
    const [{ name, args }] = await tx.withArgs([row]);
    await tx.removeRow(row);
    return tx.append(makeRow(name, args));
  }

  async discard(tx, id) {
    const row = await tx.row(id);
    if (!row?.refusal) return null;
    await tx.removeRow(row);
    return row;
  }
}

/**
 * Returns the JSON of one push; the batch's rows in their order.
 * @param {string} user whose push it is, for the server to compare; "" to leave that out
 */
export function pushBody(scope, client, user, batch) {
  const mutations = batch.map(({ id, name, args, time }) =>
    ({ id, name, args, time: isTime(time) ? time : undefined }));
  return JSON.stringify({ v: 1, scope, client, user: user || undefined, mutations });
}

/**
 * Counts an internal error against the row that heads the queue; the fifth refuses it, and then
 * `code` is null because the rest goes on.
 */
function failed(tx, row, result) {
  const code = result?.code ?? "unavailable";
  if (code !== "internal_error") return { code, write: undefined };
  const failures = row.failures + 1;
  if (failures < internalErrorsMax) return { code, write: tx.putRow({ ...row, failures }) };
  return { code: null, write: tx.putRow(refusedRow(row, code, result.error)) };
}

/** Ends the replay of a row whose change is in the records; it stays queued until its result. */
const seen = (tx, row) => tx.putRow({ ...row, replayed: false });

/** Returns the rows of the mutations `ids`; most changes name mutations of others. */
async function rowsNamed(tx, ids) {
  const known = [...ids].filter((id) => typeof id === "string");
  const rows = await Promise.all(known.map((id) => tx.row(id)));
  return rows.filter((row) => row !== undefined);
}

/** A clock that is thousands of years ahead writes what is no time of the protocol. */
const isTime = (text) => /^\d{4}-/.test(text);

function refusedRow(row, code, error) {
  const refusal = { code, error: String(error ?? code), time: new Date().toISOString() };
  return { ...row, queued: false, replayed: false, result: null, refusal };
}

function makeRow(name, args) {
  checkName(name);
  if (args === null || typeof args !== "object" || Array.isArray(args)) {
    throw new TypeError("a mutation's args are an object");
  }
  const id = randomID();
  const time = new Date().toISOString();
  const json = JSON.stringify({ id, name, args, time });
  return {
    id, name,
    args: JSON.parse(json).args, // ours from now on, and exactly what will be sent
    time,
    bytes: utf8.encode(json).length + 1,
    queued: true, replayed: true, result: null, refusal: null, failures: 0,
  };
}

/** Refuses what would make the whole push unreadable, so that it cannot block the queue. */
export function checkName(name) {
  if (typeof name !== "string" || name.isWellFormed?.() === false ||
    /[\u0000-\u001f\u007f]/.test(name)) throw new TypeError("not a name of the protocol");
  const bytes = utf8.encode(name).length;
  if (bytes < 1 || bytes > nameBytesMax) throw new TypeError("a name has 1 to 128 bytes");
}
