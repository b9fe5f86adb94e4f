// The two kinds of work that lanes try: a push round sends the queue until it is empty, a pull
// round brings the local state to the head, by a snapshot where a 410 (or an empty storage, or a
// checksum that differs) asks for one. What a refusal means for the whole client is decided in
// `core.failed`, by protocol.md's table of statuses. `core` is a SyncCore (see sync-core.js).

import { isPullAnswer, isPushAnswer } from "./exchange.js";
import { LocalStore, samePosition } from "./local-store.js";
import { batchCountMax, pushBody } from "./mutation-queue.js";
import { snapshot } from "./snapshot.js";
import { nameClient } from "./storage.js";

const timeoutMs = 30_000;
const pullLimit = 500;
const gapsMax = 4;

/** Sends the queue, batch by batch, one push in flight among all tabs. */
export function pushRound(core) {
  return core.pushTurn(async (signal) => {
    while (!signal.aborted) {
      const { client, batch } = await nextBatch(core);
      if (batch.length === 0) {
        core.reach.setProblem("push", null); // also where a reset has pushed
        return { ok: true };
      }
      const body = pushBody(core.scope, client, batch);
      const outcome = await core.exchange.post("/_sync/push", body, isPushAnswer, timeoutMs);
      if (outcome.kind === "answer") {
        const settled = await core.change(async (tx) =>
          core.queue.settle(tx, batch, outcome.body.results, await tx.get("meta", "position")));
        core.batchMax = Math.min(batchCountMax, core.batchMax * 2);
        core.settled(settled);
        if (settled.retry) return core.undecided(settled.retry);
      } else if (outcome.kind === "refusal" && outcome.code === "too_large") {
        await halve(core, batch, outcome);
      } else {
        return core.failed(outcome, client);
      }
    }
    return { ok: false };
  });
}

/** Reads the client's name and the head of its queue in one transaction: they belong together. */
async function nextBatch(core) {
  const found = await core.storage.read(async (tx) => ({
    client: await tx.get("meta", "client"),
    batch: await core.queue.head(tx, core.batchMax),
  }));
  if (found.client) return found;
  return { client: await core.storage.write(nameClient), batch: [] }; // storage was cleared
}

async function halve(core, batch, { code, error }) {
  if (batch.length > 1) core.batchMax = Math.ceil(batch.length / 2);
  else await core.change((tx) => core.queue.refuse(tx, batch[0], code, error));
}

/**
 * Brings the local state to the head of the log. A request sees whatever results have shown before
 * it, so at the head nothing that was settled before the request is replayed any longer: its change
 * is in the state, or was lost with a restored backup and will never come.
 */
export async function pullRound(core) {
  for (let gaps = 0; gaps <= gapsMax;) {
    const { asked, isGathering, settled } = await core.storage.read(async (tx) => ({
      asked: await tx.get("meta", "position"),
      isGathering: (await tx.get("meta", "snapshot")) !== undefined,
      settled: (await tx.settledRows()).map((row) => row.id),
    }));
    // A broken snapshot goes on from its last page; nothing is known of the position before it.
    if (!asked || isGathering) return snapshotRound(core, (here) => isAt(here, asked));
    if (core.check.isDue) return snapshotRound(core, ({ id }) => id === core.check.staleID);
    const body = JSON.stringify({ v: 1, scope: core.scope, ...asked, limit: pullLimit });
    const outcome = await core.exchange.post("/_sync/pull", body, isPullAnswer, timeoutMs);
    if (outcome.kind !== "answer") {
      if (outcome.kind === "refusal" && outcome.status === 410) return resetRound(core, asked);
      return core.failed(outcome);
    }
    core.spread.reset();
    const { changes, next_cursor: cursor, epoch, has_more: hasMore, checksum } = outcome.body;
    const page = { changes, position: { cursor, epoch }, asked };
    const applied = await core.apply(page, hasMore !== true, settled);
    if (applied.gap) gaps += 1; // another tab was quicker, or the answer is not whole: ask again
    else if (hasMore !== true) {
      await core.compare(page.position, checksum);
      return { ok: true };
    } else if (!applied.moved) gaps += 1;
  }
  return { ok: false };
}

/** After a 410: the queue first, then, when chance says so, the snapshot. */
async function resetRound(core, refused) {
  core.isResetting = true;
  try {
    const pushed = await pushRound(core);
    if (!pushed.ok) return pushed;
    await core.pause(core.spread.next());
    return await snapshotRound(core, (here) => isAt(here, refused));
  } finally {
    core.isResetting = false;
  }
}

/**
 * Takes a snapshot unless another tab has, while this one waited for its turn: `isStale` tells of
 * {position, id} whether they are still what must be replaced. What the server no longer knows
 * in the middle is begun anew, when chance says so.
 */
async function snapshotRound(core, isStale) {
  while (!core.isClosed && !core.isDenied) {
    const outcome = await core.snapshotTurn(async () => {
      const here = await core.storage.read((tx) => LocalStore.whereabouts(tx));
      return here.position && !isStale(here) ? { ok: true } : snapshot(core);
    });
    if (outcome.ok) {
      core.check.taken();
      await core.replaced();
      if (outcome.position) await core.compare(outcome.position, outcome.checksum);
      return { ok: true };
    }
    if (!outcome.startOver) return core.failed(outcome.refusal ?? { kind: "none" });
    await core.pause(core.spread.next());
  }
  return { ok: false, halt: true };
}

const isAt = ({ position }, asked) => asked !== undefined && samePosition(position, asked);
