// How long to wait before another try. Chance spreads a herd: each wait is a random part of a bound that
// doubles from one second to the cap ("full jitter"); a Retry-After is obeyed, and a random part of the
// same is added to it. Knows nothing of what is tried.

export const firstWaitMs = 1000;
export const capWaitMs = 10_000; // the protocol says 30 s; who looks at a page is less patient
const retryAfterCapMs = 3_600_000; // a date by another clock may be years ahead

/** Returns how long to wait before try number `attempt` (from 0): a random part of the bound. */
export function backOffMs(attempt, random = Math.random) {
  const bound = Math.min(capWaitMs, firstWaitMs * 2 ** Math.min(attempt, 16));
  return random() * bound;
}

/** Returns the wait if the server has asked for `retryAfterMs`; undefined means that it has not. */
export function waitMs(attempt, retryAfterMs, random = Math.random) {
  // "Retry-After: 0" does not allow tries without a pause.
  const asked = Math.min(retryAfterMs ?? 0, retryAfterCapMs) * (1 + random());
  return Math.max(asked, backOffMs(attempt, random));
}
