// Brings the whole state of a scope: pages gathered aside, then pulls from the *first* page's
// position to the head, then one swap. A change is a whole record, so what a page saw too early is
// written again by the pulls. Progress is in storage after each page: a snapshot that breaks goes
// on from its last page, after a reload too, while the log reaches back to the first one. A 410 on
// the way starts it over. Until the swap the old state stays on the screen.

import { isPullAnswer, isSnapshotAnswer } from "./exchange.js";
import { LocalStore, writeChanges } from "./local-store.js";

const pageLimit = 1000;
const timeoutMs = 30_000;

/**
 * Runs one try of a snapshot, in the turn of the caller.
 * @returns {Promise<{ok: true} | {ok: false, refusal?: object}>} without a refusal
 *   there was no answer
 */
export async function snapshot({ storage, exchange, queue, scope }) {
  let progress = await storage.read((tx) => tx.get("meta", "snapshot"));
  while (progress?.stage !== "pulling") {
    const outcome = await page(storage, exchange, queue, scope, progress);
    if (outcome.kind === "startOver") {
      progress = undefined;
      continue;
    }
    if (outcome.kind !== "stored") return failure(outcome);
    progress = outcome.progress;
    if (progress === null) return { ok: true }; // one page was all, and is swapped in
  }
  return pullToHead(storage, exchange, queue, scope, progress);
}

async function page(storage, exchange, queue, scope, progress) {
  const request = { v: 1, scope, limit: pageLimit };
  if (progress) request.next = progress.next;
  else await storage.write((tx) => queue.beginSnapshot(tx));
  const outcome = await exchange.post(
    "/_sync/snapshot", JSON.stringify(request), isSnapshotAnswer, timeoutMs);
  if (outcome.kind !== "answer") {
    // A `next` that the server no longer knows is not worth more than a fresh start.
    const isStale = outcome.status === 410 || outcome.status === 400;
    if (!progress || !isStale) return outcome;
    await forgetProgress(storage);
    return { kind: "startOver" };
  }
  const { records, cursor, epoch, has_more: hasMore, next } = outcome.body;
  return storage.write(async (tx) => {
    if (!progress) await tx.clear("aside");
    await Promise.all(records.map(({ entity, id, data }) =>
      tx.put("aside", [entity, id], { entity, id, data })));
    const at = progress?.at ?? { cursor, epoch };
    if (!progress && hasMore !== true) {
      await finish(tx, queue, at, []);
      return { kind: "stored", progress: null };
    }
    const stored = hasMore === true
      ? { stage: "gathering", at, next }
      : { stage: "pulling", at, named: [] };
    await tx.put("meta", "snapshot", stored);
    return { kind: "stored", progress: stored };
  });
}

async function pullToHead(storage, exchange, queue, scope, progress) {
  let { at, named } = progress; // `named`: own mutations that the changes on the way have named
  for (;;) {
    const request = { v: 1, scope, ...at, limit: pageLimit };
    const outcome = await exchange.post(
      "/_sync/pull", JSON.stringify(request), isPullAnswer, timeoutMs);
    if (outcome.kind !== "answer") {
      // The log no longer reaches back to the first page. The next try begins from nothing.
      if (outcome.kind === "refusal" && outcome.status === 410) await forgetProgress(storage);
      return failure(outcome);
    }
    const { changes, next_cursor: cursor, epoch, has_more: hasMore } = outcome.body;
    const isWhole = changes.length === cursor - at.cursor &&
      changes.every((change, index) => change.cursor === at.cursor + 1 + index);
    if (!isWhole) return { ok: false };
    at = { cursor, epoch };
    await storage.write(async (tx) => {
      await writeChanges(tx, "aside", changes);
      const own = new Set((await tx.all("mutations")).map((row) => row.id));
      named = [...named, ...changes.map((one) => one.mutation).filter((id) => own.has(id))];
      if (hasMore === true) await tx.put("meta", "snapshot", { stage: "pulling", at, named });
      else await finish(tx, queue, at, named);
    });
    if (hasMore !== true) return { ok: true };
  }
}

async function finish(tx, queue, position, named) {
  await LocalStore.swap(tx, position);
  await queue.endSnapshot(tx, position, named);
}

function forgetProgress(storage) {
  return storage.write(async (tx) => {
    await tx.clear("aside");
    await tx.remove("meta", "snapshot");
  });
}

const failure = (outcome) =>
  outcome.kind === "refusal" ? { ok: false, refusal: outcome } : { ok: false };
