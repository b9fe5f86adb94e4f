// One kind of work that runs at most once at a time and is tried again, for ever, with back-off.
// The push lane and the pull lane are two of these. Chance spreads a herd: each wait is a random
// part of a bound that doubles from one second to the cap ("full jitter"); a Retry-After is obeyed
// and a random part of the same is added to it. Knows nothing about what the work is.

export const firstWaitMs = 1000;
export const capWaitMs = 10_000; // the protocol says 30 s; who looks at a page is less patient
const retryAfterCapMs = 3_600_000; // a date by another clock may be years ahead

/** Returns how long to wait before try number `attempt` (from 0): a random part of the bound. */
export function backOffMs(attempt, random = Math.random) {
  const bound = Math.min(capWaitMs, firstWaitMs * 2 ** Math.min(attempt, 16));
  return random() * bound;
}

//   idle ──request──► running ──ok──► idle (or running again, where it was asked for meanwhile)
//                        └──failed──► waiting ──timer, now()──► running
export class Lane {
  #work;
  #attempt = 0;
  #timer = 0;
  #running = null;
  #next = null;
  #again = false;
  #closed = false;

  /**
   * @param {() => Promise<{ok: boolean, retryAfterMs?: number, halt?: boolean}>} work one try; it
   *   does not throw for what it expects. `halt` means: failed, and do not try by yourself.
   */
  constructor(work) {
    this.#work = work;
  }

  /** True while a try is under way. */
  get isRunning() {
    return this.#running !== null;
  }

  /** True while the last try has failed and the next one is yet to come. */
  get isWaiting() {
    return this.#timer !== 0;
  }

  /** Asks for a try: at once when idle, after the present one when running, in its time else. */
  request() {
    if (this.#closed || this.#timer) return;
    if (this.#running) this.#again = this.#next === null;
    else this.#start();
  }

  /**
   * Tries at once, whatever the back-off says, and starts the back-off anew.
   * @returns {Promise<object>} the outcome of a try that began after this call
   */
  now() {
    this.#attempt = 0;
    this.#clearTimer();
    // A try under way may have looked at the queue before what we are asked to send was in it. All
    // who ask meanwhile get the one try that follows: a flapping network asks many times.
    if (!this.#running) return this.#start();
    this.#next ??= this.#afterThis();
    return this.#next;
  }

  async #afterThis() {
    this.#again = false;
    while (this.#running) await this.#running;
    this.#next = null;
    this.#clearTimer();
    return this.#start();
  }

  close() {
    this.#closed = true;
    this.#clearTimer();
  }

  #clearTimer() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #start() {
    if (this.#closed) return Promise.resolve({ ok: false, halt: true });
    this.#again = false;
    this.#running = this.#try();
    return this.#running;
  }

  async #try() {
    let outcome;
    try {
      outcome = await this.#work();
    } catch (error) {
      console.warn("mizu: a try failed and will be made again:", error);
      outcome = { ok: false, error };
    }
    this.#running = null;
    if (this.#closed) return outcome;
    if (outcome.ok) {
      this.#attempt = 0;
      // Not here and now: a caller that awaits this outcome goes first.
      if (this.#again) queueMicrotask(() => this.request());
    } else if (!outcome.halt) {
      this.#wait(outcome.retryAfterMs);
    }
    return outcome;
  }

  #wait(retryAfterMs) {
    // "Retry-After: 0" is no leave to ask without a pause.
    const asked = Math.min(retryAfterMs ?? 0, retryAfterCapMs) * (1 + Math.random());
    const delay = Math.max(asked, backOffMs(this.#attempt));
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.request();
    }, delay);
  }
}
