// Whose turn it is: several tabs of one browser share one queue, and a client has one push in
// flight. Web Locks if there are any; a lease in IndexedDB if the page came over plain http
// from another host; a promise chain if nothing is shared. A turn that is lost by a crash ends
// by itself: the lock with its tab, the lease after a few seconds. A tab that sleeps (a phone's
// browser freezes it) must not keep the turn either: who waits asks the holder for a sign, and
// takes the turn from one that gives none. So two turns may overlap, once the sleeper wakes up. That
// is harmless: its signal says stop, the server knows each mutation, and a snapshot knows its tries.

import { randomID } from "./random-id.js";

const leaseMs = 5000;
const renewMs = 1500;
const lookAgainMs = 150;
const askMs = 1000;
const questionsMax = leaseMs / askMs; // unanswered, one after the other; then the holder sleeps

/**
 * Returns a function that runs `work(signal)` when no other tab is in the same turn, and returns
 * what it returned; {ok: false} if the turn was taken away meanwhile; `signal` is then aborted.
 * @param {string} name what the turn is for; the same in each tab
 * @param {object} storage the storage that the tabs share
 */
export function turnTaker(name, storage) {
  const oneAtATime = inOrder(); // the tab's own callers need not ask each other
  const hasLocks = typeof navigator.locks?.request === "function" &&
    typeof BroadcastChannel === "function";
  return (work) => oneAtATime(() => {
    if (storage.kind === "memory") return work(new AbortController().signal);
    return hasLocks ? underLock(name, work) : underLease(`lease:${name}`, storage, work);
  });
}

function inOrder() {
  let tail = Promise.resolve();
  return (work) => {
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
  };
}

//   waiting ──granted──► holding ──work ends──► over
//      └──no sign of the holder──► steals: the same, and the `request` of the holder rejects
async function underLock(name, work) {
  const channel = new BroadcastChannel(`${name}:turn`);
  const waiting = new AbortController();
  const stolen = new AbortController();
  let running = null;
  let isOver = false;
  let unanswered = 0;
  channel.onmessage = ({ data }) => {
    if (data === "sign") unanswered = 0;
    else if (running) channel.postMessage("sign");
  };
  // Questions are counted and not seconds: a waiter that slept itself has not asked meanwhile.
  const asking = setInterval(() => {
    if (running) return;
    if (unanswered >= questionsMax) waiting.abort();
    unanswered += 1;
    channel.postMessage("question");
  }, askMs);
  const hold = () => {
    running = work(stolen.signal);
    running.catch(() => {}).finally(() => { isOver = true; });
    channel.postMessage("sign"); // for those who were about to take it from the holder before
    return running;
  };
  try {
    return await requested(name, waiting.signal, hold);
  } catch (error) {
    // An AbortError of the work's own, as storage may throw it, comes when the work is over.
    if (!running || isOver || error?.name !== "AbortError") throw error;
    stolen.abort();
    await running.catch(() => {}); // it stops at its next step
    return { ok: false };
  } finally {
    clearInterval(asking);
    channel.close();
  }
}

async function requested(name, signal, hold) {
  try {
    return await navigator.locks.request(name, { signal }, hold);
  } catch (error) {
    if (!signal.aborted) throw error;
    return navigator.locks.request(name, { steal: true }, hold);
  }
}

async function underLease(key, storage, work) {
  const owner = randomID();
  const taken = new AbortController();
  while (!(await acquire(key, storage, owner))) {
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs * (1 + Math.random())));
  }
  const renewal = setInterval(async () => {
    const isOurs = await acquire(key, storage, owner).catch(() => true);
    if (!isOurs) taken.abort();
  }, renewMs);
  try {
    const outcome = await work(taken.signal);
    return taken.signal.aborted ? { ok: false } : outcome;
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
