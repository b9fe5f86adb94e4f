// Whose turn it is: several tabs of one browser share one queue, and a client has one push in
// flight. Web Locks where there are any; a lease in IndexedDB where the page came over plain http
// from another host; a promise chain where nothing is shared. A turn that is lost by a crash ends
// by itself: the lock with its tab, the lease after a few seconds. Should two turns ever overlap
// (a tab that was frozen in the middle), nothing applies twice: the server knows each id.

import { randomID } from "./random-id.js";

const leaseMs = 5000;
const renewMs = 1500;
const lookAgainMs = 150;

/**
 * Returns a function that runs `work` when no other tab is in the same turn, and returns what it
 * returned.
 * @param {string} name what the turn is for; the same in each tab
 * @param {object} storage the storage that the tabs share
 */
export function turnTaker(name, storage) {
  if (storage.kind === "memory") return inOrder();
  if (typeof navigator.locks?.request === "function") {
    return (work) => navigator.locks.request(name, work);
  }
  const oneAtATime = inOrder(); // the tab's own callers need not fight over the lease
  return (work) => oneAtATime(() => underLease(`lease:${name}`, storage, work));
}

function inOrder() {
  let tail = Promise.resolve();
  return (work) => {
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
  };
}

async function underLease(key, storage, work) {
  const owner = randomID();
  while (!(await acquire(key, storage, owner))) {
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs * (1 + Math.random())));
  }
  const renewal = setInterval(() => acquire(key, storage, owner).catch(() => {}), renewMs);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    await storage.write(async (tx) => {
      if ((await tx.get("meta", key))?.owner === owner) await tx.remove("meta", key);
    });
  }
}

/** Takes or renews the lease, in one transaction; false while another tab has it. */
function acquire(key, storage, owner) {
  return storage.write(async (tx) => {
    const lease = await tx.get("meta", key);
    const now = Date.now();
    // A lease from the far future was written before the clock was set back: it counts as over.
    const isAlive = lease && lease.until > now && lease.until <= now + leaseMs;
    if (isAlive && lease.owner !== owner) return false;
    await tx.put("meta", key, { owner, until: now + leaseMs });
    return true;
  });
}
