// The two kinds of work that lanes try: a push round sends the queue until it is empty, a pull round
// brings the local state to the head. They know the device and the server, and decide nothing for the
// client as a whole: what a refusal means, and when a snapshot is taken, is said by what they return:
//
//   {ok: true}                  all was done that there was to do
//   {ok: false}                 not all of it: to be tried again
//   {outcome, client}           what the server has said instead, see exchange.js, and to whose push
//   {retry: code}               push: the server cannot decide at the moment; the queue is kept
//   {need: "snapshot", isStale} pull: only a snapshot helps, if isStale(where storage is then)
//   {need: "reset", isStale}    pull: a 410; the same, but the queue goes first

import { isPullAnswer, isPushAnswer } from "./exchange.js";
import { samePosition } from "./local-store.js";
import { batchCountMax, pushBody } from "./mutation-queue.js";
import { nameClient } from "./storage.js";

const timeoutMs = 30_000;
const pullLimit = 500;
const gapsMax = 4;

/** How many mutations a push may carry: halved by a 413, doubled by a success. */
export class BatchSize {
  #most = batchCountMax;

  get most() {
    return this.#most;
  }

  fitted() {
    this.#most = Math.min(batchCountMax, this.#most * 2);
  }

  wasTooLarge(count) {
    this.#most = Math.ceil(count / 2);
  }
}

/**
 * Sends the queue, batch by batch, in the turn of the caller.
 * @param {object} with `replica`, `exchange`, `scope`, `user`, `size` (a BatchSize), and `settled(results)`,
 *   called after each batch with what MutationQueue.settle returned
 * @param {AbortSignal} signal says that the turn was taken away
 */
export async function pushRound({ replica, exchange, scope, user, size, settled }, signal) {
  const { queue } = replica;
  while (!signal.aborted) {
    const { client, batch } = await nextBatch(replica, size.most);
    if (batch.length === 0) return { ok: true };
    const body = pushBody(scope, client, user, batch);
    const outcome = await exchange.post("/_sync/push", body, isPushAnswer, timeoutMs);
    if (outcome.kind === "answer") {
      const results = await replica.change(async (tx) =>
        queue.settle(tx, batch, outcome.body.results, await tx.get("meta", "position")));
      size.fitted();
      settled(results);
      if (results.retry) return { ok: false, retry: results.retry };
    } else if (outcome.kind === "refusal" && outcome.code === "too_large") {
      if (batch.length > 1) size.wasTooLarge(batch.length);
      else await replica.change((tx) => queue.refuse(tx, batch[0], outcome.code, outcome.error));
    } else {
      return { ok: false, outcome, client };
    }
  }
  return { ok: false };
}

/** Reads the client's name and the head of its queue in one transaction: they belong together. */
async function nextBatch({ storage, queue }, countMax) {
  const found = await storage.read(async (tx) => ({
    client: await tx.get("meta", "client"),
    batch: await queue.head(tx, countMax),
  }));
  if (found.client) return found;
  return { client: await storage.write(nameClient), batch: [] }; // storage was cleared
}

/**
 * Brings the local state to the head of the log. A request sees whatever results have shown before
 * it, so at the head nothing that was settled before the request is replayed any longer: its change
 * is in the state, or was lost with a restored backup and will never come.
 * @param {object} with `replica`, `exchange`, `scope`, `check` (a StateCheck: whether the state must be
 *   replaced although its position is good), `apply` (SyncCore.apply), `answered()`, called after each
 *   answer, and `arrived(position, checksum)`, called at the head
 */
export async function pullRound({ replica, exchange, scope, check, apply, answered, arrived }) {
  for (let gaps = 0; gaps <= gapsMax;) {
    const { asked, isGathering, settled } = await replica.storage.read(async (tx) => ({
      asked: await tx.get("meta", "position"),
      isGathering: (await tx.get("meta", "snapshot")) !== undefined,
      settled: (await tx.settledRows()).map((row) => row.id),
    }));
    const isStale = ({ position }) => asked !== undefined && samePosition(position, asked);
    // A broken snapshot goes on from its last page; nothing is known of the position before it.
    if (!asked || isGathering) return { need: "snapshot", isStale };
    if (check.isDue) return { need: "snapshot", isStale: ({ id }) => id === check.staleID };
    const body = JSON.stringify({ v: 1, scope, ...asked, limit: pullLimit });
    const outcome = await exchange.post("/_sync/pull", body, isPullAnswer, timeoutMs);
    if (outcome.kind !== "answer") {
      if (outcome.kind === "refusal" && outcome.status === 410) return { need: "reset", isStale };
      return { ok: false, outcome };
    }
    answered();
    const { changes, next_cursor: cursor, epoch, has_more: hasMore, checksum } = outcome.body;
    const page = { changes, position: { cursor, epoch }, asked };
    const applied = await apply(page, hasMore !== true, settled);
    if (applied.gap) gaps += 1; // another tab was quicker, or the answer is not whole: ask again
    else if (hasMore !== true) {
      await arrived(page.position, checksum);
      return { ok: true };
    } else if (!applied.moved) gaps += 1;
  }
  return { ok: false };
}
