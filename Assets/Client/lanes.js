// Performs what the machine of a client (sync-machine.js) says: starts tries, sets timers, and gives
// each caller the outcome of the try that it asked for. Knows nothing of what a try does.

import { waitMs } from "./back-off.js";
import { initialMachine, step } from "./sync-machine.js";

const refused = { ok: false, halt: true };

export class Lanes {
  #machine = initialMachine;
  #work;
  #timers = { push: 0, pull: 0 };
  /** Callers that want the outcome of the next try: they get the same one. */
  #callers = { push: [], pull: [] };

  /**
   * @param {{push: () => Promise<object>, pull: () => Promise<object>}} work one try of each lane,
   *   {ok: boolean, retryAfterMs?: number, halt?: boolean}; it does not throw for what it expects.
   *   `halt` means: failed, and do not try by yourself
   */
  constructor(work) {
    this.#work = work;
  }

  get phase() {
    return this.#machine.phase;
  }

  /** Takes an event of the phase: opened, reset, ended, denied, allowed or closed. */
  send(type) {
    this.#step({ type });
  }

  /** Asks for a try: at once when idle, after the present one when running, in its time else. */
  ask(lane) {
    this.#step({ type: "ask", lane });
  }

  /**
   * Tries at once, whatever the back-off says, and restarts the back-off. A try under way may have
   * looked at the queue before what this call is about was in it, so another one follows it.
   * @returns {Promise<object>} the outcome of a try that began after this call
   */
  now(lane) {
    return new Promise((resolve) => {
      this.#callers[lane].push(resolve);
      this.#step({ type: "now", lane });
    });
  }

  /** Ends the back-off of the lanes that wait: what they failed at works again. */
  hasten() {
    for (const lane of ["push", "pull"]) {
      if (this.#machine[lane].state === "waiting") this.#step({ type: "now", lane });
    }
  }

  #step(event) {
    const { machine, effects } = step(this.#machine, event);
    this.#machine = machine;
    for (const { does, lane, attempt } of effects) {
      if (does === "start") this.#try(lane);
      else if (does === "wait") this.#wait(lane, waitMs(attempt, event.retryAfterMs));
      else if (does === "cancel") clearTimeout(this.#timers[lane]);
      else this.#refuse(lane);
    }
  }

  #refuse(lane) {
    for (const resolve of this.#callers[lane].splice(0)) resolve(refused);
  }

  async #try(lane) {
    const callers = this.#callers[lane].splice(0);
    const outcome = await this.#outcome(lane);
    for (const resolve of callers) resolve(outcome);
    await null; // a caller that waits for this outcome goes first
    const type = outcome.ok ? "ok" : outcome.halt ? "halted" : "failed";
    this.#step({ type, lane, retryAfterMs: outcome.retryAfterMs });
  }

  async #outcome(lane) {
    try {
      return await this.#work[lane]();
    } catch (error) {
      console.warn("mizu: a try failed and will be made again:", error);
      return { ok: false, error };
    }
  }

  #wait(lane, milliseconds) {
    this.#timers[lane] = setTimeout(() => this.#step({ type: "due", lane }), milliseconds);
  }
}
