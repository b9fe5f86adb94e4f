// What a SyncClient says of itself: how syncing stands, what waits, and what stands in the way. Read
// anew each time, from the parts that know.

/**
 * Returns {state, waiting, refused, lastSync, storage, isStorageLost, isHidden, problem}: `state` is
 * online, syncing, offline or error; `waiting` counts the edits the server has not confirmed; `refused`
 * lists {id, name, args, code, error, time}; `lastSync` is a Date or null; `storage` is indexeddb,
 * memory or opening; `isStorageLost` says that it was indexeddb and somebody deleted that; `isHidden`,
 * that the lease is over; `problem` is the {code, error} that stands in the way, or null.
 */
export function syncStatus({ reach, phase, lastSync, replica }, saver, view) {
  const { queue, storage, store } = replica;
  const waiting = queue.waiting.length;
  const isFetching = !store.position || phase === "opening" || phase === "resetting";
  return {
    state: reach.state(waiting > 0 || isFetching),
    waiting,
    refused: queue.refused.map(({ id, name, args, refusal }) => ({ id, name, args, ...refusal })),
    lastSync,
    storage: storage.kind,
    isStorageLost: storage.isLost,
    isHidden: view.isHidden,
    problem: saver.problem ?? reach.problem,
  };
}
