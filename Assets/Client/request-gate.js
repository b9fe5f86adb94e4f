// Lets the requests of all scopes of a page through: a few at once, in the order in which they came.
// While the way or the session is broken, one of them tries for all: its failure is the answer to
// those that wait, and to those that come before its time is over. So fifty scopes are one client for
// a server that has fallen, and not fifty. A page with one scope has the back-off of its lanes
// (sync-machine.js) and no other. Knows outcomes (exchange.js) and times, and nothing of what is asked.
//
//   open ──none, 401, 429, 503──► broken ──any other outcome──► open, and `mended` is called
//     several at once               one at a time, none before its time; `urge` ends that time

import { waitMs } from "./back-off.js";

const atOnceMax = 4; // a browser has six connections for a server, and the page needs some

export class RequestGate {
  #isShared;
  #mended;
  #now;
  #flying = 0;
  /** Those who wait: functions that take null (go) or an outcome in place of the request. */
  #line = [];
  #failure = null;
  #attempt = 0;
  #until = 0;

  /**
   * @param {() => boolean} isShared whether more than one scope asks
   * @param {() => void} mended called after the first outcome that says that all is well again
   * @param {() => number} now a clock in milliseconds
   */
  constructor(isShared, mended, now = () => performance.now()) {
    this.#isShared = isShared;
    this.#mended = mended;
    this.#now = now;
  }

  /** True while one request tries for all. */
  get isBroken() {
    return this.#failure !== null && this.#isShared();
  }

  /**
   * Waits for the turn of a request.
   * @param {AbortSignal} signal ends the wait
   * @returns {Promise<object|null>} null: send it, and call `leave` with its outcome; else the outcome
   */
  async enter(signal) {
    const left = this.#until - this.#now();
    if (this.isBroken && left > 0) return delayed(this.#failure, left);
    if (this.#flying < this.#most) {
      this.#flying += 1;
      return null;
    }
    return new Promise((resolve) => {
      const givenUp = () => {
        this.#line = this.#line.filter((one) => one !== admit);
        resolve({ kind: "none", reason: "given up" });
      };
      const admit = (outcome) => {
        signal.removeEventListener("abort", givenUp);
        resolve(outcome);
      };
      this.#line.push(admit);
      signal.addEventListener("abort", givenUp, { once: true });
    });
  }

  /** Takes the outcome of a request that `enter` has let through; null if it was given up. */
  leave(outcome) {
    this.#flying -= 1;
    const wasBroken = this.#failure !== null;
    if (outcome && isForAll(outcome)) this.#broke(outcome);
    else if (outcome) this.#failure = null;
    while (this.#line.length > 0 && this.#flying < this.#most) {
      this.#flying += 1;
      this.#line.shift()(null);
    }
    if (wasBroken && this.#failure === null) {
      this.#attempt = 0;
      if (this.#isShared()) this.#mended();
    }
  }

  /** Somebody waits, or the network is there again: the next request goes at once. */
  urge() {
    this.#until = 0;
  }

  get #most() {
    return this.isBroken ? 1 : atOnceMax;
  }

  #broke(outcome) {
    // Several may have been on their way when it broke: they count once.
    if (this.#failure === null || this.#now() >= this.#until) {
      this.#until = this.#now() + waitMs(this.#attempt++, outcome.retryAfterMs);
    }
    this.#failure = outcome;
    if (!this.#isShared()) return;
    for (const admit of this.#line.splice(0)) admit(delayed(outcome, this.#until - this.#now()));
  }
}

const isForAll = ({ kind, status }) => kind === "none" || [401, 429, 503].includes(status);

/** The failure of another request, for one that was not sent: nobody asks before `milliseconds`. */
const delayed = (failure, milliseconds) =>
  failure.kind === "none" ? failure : { ...failure, retryAfterMs: milliseconds };
