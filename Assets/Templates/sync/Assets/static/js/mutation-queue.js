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
// `tx` change storage only: the caller reloads `rows` (or passes them to `show`) after the commit.

import { randomID } from "./random-id.js";

export const batchCountMax = 100;
export const batchBytesMax = 1024 * 1024 - 4096; // the body's limit is 1 MiB, envelope included
export const internalErrorsMax = 5; // at the head of the queue; then the row goes to quarantine
const nameBytesMax = 128;

const encoder = new TextEncoder();

export class MutationQueue {
  /** Rows as they were last read, oldest first. Replaced as a whole, never changed in place. */
  rows = [];
  #unsaved = [];

  /** Rows that wait for a result and whose effect has not been seen yet: what people wait for. */
  get waiting() {
    return this.rows.filter((row) => row.queued && row.replayed);
  }

  get refused() {
    return this.rows.filter((row) => row.refusal);
  }

  /**
   * Makes a row that is shown at once and not yet stored; the storage's `append` stores it.
   * @throws {TypeError} where the server could not even read the mutation
   */
  add(name, args) {
    const row = makeRow(name, args);
    this.#unsaved.push(row);
    this.rows = [...this.rows, row];
    return row;
  }

  /** Says that storage now has the rows, or that it never will. */
  forgetUnsaved(rows) {
    this.#unsaved = this.#unsaved.filter((one) => !rows.includes(one));
  }

  /** Takes `rows` as the truth, and those on their way into storage behind them. */
  show(rows) {
    const stored = new Set(rows.map((row) => row.id));
    this.rows = [...rows, ...this.#unsaved.filter((row) => !stored.has(row.id))];
  }

  /**
   * Returns the head of the queue: at most `countMax` rows and as many bytes as a body may
   * have, at least one row where there is one.
   */
  async head(tx, countMax) {
    const batch = [];
    let bytes = 0;
    for (const row of await tx.all("mutations")) {
      if (!row.queued) continue;
      const isFull = batch.length >= countMax || bytes + row.bytes > batchBytesMax;
      if (batch.length > 0 && isFull) break;
      batch.push(row);
      bytes += row.bytes;
    }
    return batch;
  }

  /**
   * Writes down the results of a push. Matched by id; rows that another tab has dealt with
   * meanwhile are left alone. `position` is where the local state is, or undefined.
   * @returns {Promise<{retry: string|null, behind: boolean, pull: boolean}>} the code of the first
   *   result that said "retry"; whether the local state has yet to catch up with what was applied;
   *   whether only a pull can tell
   */
  async settle(tx, batch, results, position) {
    const byID = new Map(results.map((result) => [result.id, result]));
    const rows = new Map((await tx.all("mutations")).map((row) => [row.seq, row]));
    const writes = []; // awaited together: a hundred of them one by one take their time
    let behind = false;
    let pull = false;
    let retry = null;
    for (const { seq, id } of batch) {
      const row = rows.get(seq);
      const result = byID.get(id);
      if (!row || row.id !== id || !row.queued) continue;
      if (result?.ok === true) {
        const isComparable = position !== undefined && position.epoch === result.epoch;
        const isReached = isComparable && position.cursor >= result.cursor;
        if (isReached || !row.replayed) {
          writes.push(tx.remove("mutations", seq));
        } else {
          // Where the epochs differ, only the server can compare the cursors.
          behind = true;
          pull ||= !isComparable;
          writes.push(tx.put("mutations", seq, {
            ...row, queued: false, result: { cursor: result.cursor, epoch: result.epoch },
          }));
        }
      } else if (result && result.retry !== true) {
        writes.push(tx.put("mutations", seq, refusedRow(row, result.code, result.error)));
      } else {
        // All before it are decided, so it heads the queue; all behind it were not tried.
        retry = await failed(tx, row, result);
        break;
      }
    }
    await Promise.all(writes);
    return { retry, behind, pull };
  }

  /** Puts a row into quarantine without a result of its own (413 for a batch of one). */
  async refuse(tx, { seq, id }, code, error) {
    const row = await tx.get("mutations", seq);
    if (row?.id === id && row.queued) await tx.put("mutations", seq, refusedRow(row, code, error));
  }

  /**
   * Takes note of changes that name mutations, and drops what `position` has caught up with. Those
   * in `decided` it has caught up with by what the caller knows, whatever cursor their result had.
   */
  async observe(tx, changes, position, decided = []) {
    const named = new Set([...decided, ...changes.map((change) => change.mutation)]);
    const writes = [];
    for (const row of await tx.all("mutations")) {
      if (row.refusal) continue;
      if (!row.queued && (named.has(row.id) || row.result.cursor <= position.cursor)) {
        writes.push(tx.remove("mutations", row.seq));
      } else if (row.queued && row.replayed && named.has(row.id)) {
        writes.push(tx.put("mutations", row.seq, { ...row, replayed: false }));
      }
    }
    await Promise.all(writes);
  }

  /** Marks what was settled before a snapshot began: the snapshot has it, or it is lost. */
  async beginSnapshot(tx) {
    for (const row of await tx.all("mutations")) {
      if (row.result) await tx.put("mutations", row.seq, { ...row, beforeSnapshot: true });
    }
  }

  /** Ends the replay of what the new state contains; `named` are ids met on the way to it. */
  async endSnapshot(tx, position, named) {
    for (const row of await tx.all("mutations")) {
      if (row.queued && row.replayed && named.includes(row.id)) {
        await tx.put("mutations", row.seq, { ...row, replayed: false });
      }
      if (row.result && (row.beforeSnapshot || row.result.cursor <= position.cursor)) {
        await tx.remove("mutations", row.seq);
      }
    }
  }

  /** Takes a refused mutation out of quarantine as a new one, with a new id, at the queue's end. */
  async retry(tx, id) {
    const row = (await tx.all("mutations")).find((one) => one.id === id && one.refusal);
    if (!row) return null;
    await tx.remove("mutations", row.seq);
    return tx.append(makeRow(row.name, row.args));
  }

  async discard(tx, id) {
    const row = (await tx.all("mutations")).find((one) => one.id === id && one.refusal);
    if (row) await tx.remove("mutations", row.seq);
    return row ?? null;
  }
}

/** Returns the JSON of one push; the batch's rows in their order. */
export function pushBody(scope, client, batch) {
  const mutations = batch.map(({ id, name, args }) => ({ id, name, args }));
  return JSON.stringify({ v: 1, scope, client, mutations });
}

/** Counts an internal error against the row that heads the queue; the fifth refuses it. */
async function failed(tx, row, result) {
  const code = result?.code ?? "unavailable";
  if (code !== "internal_error") return code;
  const failures = row.failures + 1;
  if (failures < internalErrorsMax) {
    await tx.put("mutations", row.seq, { ...row, failures });
    return code;
  }
  await tx.put("mutations", row.seq, refusedRow(row, code, result.error));
  return null; // the rest goes on
}

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
  const json = JSON.stringify({ id, name, args });
  return {
    id, name,
    args: JSON.parse(json).args, // ours from now on, and exactly what will be sent
    time: new Date().toISOString(),
    bytes: encoder.encode(json).length + 1,
    queued: true, replayed: true, result: null, refusal: null, failures: 0,
  };
}

/** Refuses what would make the whole push unreadable, so that it cannot block the queue. */
export function checkName(name) {
  if (typeof name !== "string" || name.isWellFormed?.() === false ||
    /[\u0000-\u001f\u007f]/.test(name)) throw new TypeError("not a name of the protocol");
  const bytes = encoder.encode(name).length;
  if (bytes < 1 || bytes > nameBytesMax) throw new TypeError("a name has 1 to 128 bytes");
}
