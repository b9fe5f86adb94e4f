// Brings the whole state of a scope: pages gathered aside, then pulls from the *first* page's
// position to the head, then one swap. A change is a whole record, so what a page saw too early is
// written again by the pulls. Progress is in storage after each page: a snapshot that breaks goes
// on from its last page, after a reload too, while the log reaches back to the first one. A 410 on
// the way means starting over. Until the swap the old state stays on the screen.
//
// Between two steps anything may happen to storage: it is cleared, the state is forgotten, another
// tab goes on because this one slept. So each try has a random id, which is stored with its progress,
// and each write looks first whether what is stored is what this try has stored last. Else it gives
// up: a part of the records must never be taken for the whole.

import { isPullAnswer, isSnapshotAnswer } from "./exchange.js";
import { LocalStore, writeChanges } from "./local-store.js";
import { randomID } from "./random-id.js";

const pageLimit = 1000;
const answerTimeoutMs = 30_000;

const givenUp = { ok: false };
const startOver = { ok: false, startOver: true };

/**
 * Runs one try of a snapshot, in the turn of the caller.
 * @returns {Promise<{ok: true, position, checksum} | {ok: false, refusal?, startOver?: boolean}>}
 *   `checksum` as the server sent it for `position`, or undefined; without a refusal there was no
 *   answer, or another try is on; `startOver`: the server no longer knows what this one began with
 */
export async function snapshot({ replica, exchange, scope }) {
  const { storage, queue } = replica;
  let progress = await begin(storage, queue);
  for (;;) {
    const { path, json, isWellFormed } = request(scope, progress);
    const outcome = await exchange.post(path, json, isWellFormed, answerTimeoutMs);
    if (outcome.kind !== "answer") return stopped(storage, progress, outcome);
    const step = progress.stage === "pulling" ? pulled : gathered;
    // The swap ends the replay of what the new records contain: memory has to take both at once.
    const next = await replica.change(async (tx) => {
      if (!(await isOurs(tx, progress))) return givenUp;
      const next = await step(tx, progress, outcome.body);
      if (next.stage) await tx.put("meta", "snapshot", next);
      if (!next.ok) return next;
      await finish(tx, queue, progress.try, next);
      return { ...next, reread: true };
    });
    if (!next.stage) return next;
    progress = next;
  }
}

/** Begins a try, or goes on with the progress of one that broke: it is this try's from now on. */
function begin(storage, queue) {
  return storage.write(async (tx) => {
    const found = await tx.get("meta", "snapshot");
    if (!found) {
      await tx.clear("aside");
      await queue.beginSnapshot(tx);
    }
    const progress = { stage: "begun", step: 0, ...found, try: randomID() };
    await tx.put("meta", "snapshot", progress);
    return progress;
  });
}

/** Tells whether what is stored is what this try has stored last. */
async function isOurs(tx, progress) {
  const found = await tx.get("meta", "snapshot");
  return found?.try === progress.try && found.step === progress.step;
}

function request(scope, { stage, at, next }) {
  const limit = pageLimit;
  if (stage === "pulling") {
    const json = JSON.stringify({ v: 1, scope, ...at, limit });
    return { path: "/_sync/pull", json, isWellFormed: isPullAnswer };
  }
  const json = JSON.stringify({ v: 1, scope, limit, next });
  return { path: "/_sync/snapshot", json, isWellFormed: isSnapshotAnswer };
}

// Each step writes what came, and returns the progress to store, or how the try has ended.

async function gathered(tx, progress, { records, cursor, epoch, has_more: hasMore, next, checksum }) {
  await Promise.all(records.map(({ entity, id, data, version }) =>
    tx.put("aside", [entity, id], { entity, id, data, version })));
  const at = progress.at ?? { cursor, epoch };
  const step = progress.step + 1;
  if (hasMore === true) return { try: progress.try, step, stage: "gathering", at, next };
  if (progress.stage === "begun") return { ok: true, position: at, named: [], checksum };
  return { try: progress.try, step, stage: "pulling", at, named: [] };
}

async function pulled(tx, progress, { changes, next_cursor: cursor, epoch, has_more, checksum }) {
  const { at } = progress;
  const isWhole = changes.length === cursor - at.cursor &&
    changes.every((change, index) => change.cursor === at.cursor + 1 + index);
  if (!isWhole) return givenUp;
  await writeChanges(tx, "aside", changes);
  // Own mutations that the changes on the way name: their effect is in the state.
  const own = await Promise.all(changes.map(({ mutation: id }) =>
    typeof id === "string" ? tx.row(id) : undefined));
  const named = [...progress.named, ...own.filter((row) => row).map((row) => row.id)];
  const position = { cursor, epoch };
  if (has_more !== true) return { ok: true, position, named, checksum };
  return { ...progress, step: progress.step + 1, at: position, named };
}

async function finish(tx, queue, id, { position, named }) {
  await LocalStore.swap(tx, position);
  await tx.put("meta", "state", id);
  await queue.endSnapshot(tx, position, named);
}

async function stopped(storage, progress, outcome) {
  if (outcome.kind !== "refusal") return givenUp;
  // Neither a `next` that the server no longer knows nor a first page that its log no longer reaches
  // back to is worth more than a fresh start.
  const { status } = outcome;
  const isStale = status === 410 || (status === 400 && progress.stage === "gathering");
  if (!isStale || progress.stage === "begun") return { ok: false, refusal: outcome };
  await storage.write(async (tx) => {
    if (!(await isOurs(tx, progress))) return;
    await tx.clear("aside");
    await tx.remove("meta", "snapshot");
  });
  return startOver;
}
