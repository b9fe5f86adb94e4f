// When a client asks by itself: the browser says that it is online or that the page is visible again,
// or some time has passed and no connection would report what is new. If the browser says that it is
// offline, which is only a hint, the client still tries now and then.

const pollMs = 10_000; // without a live connection; a random part of it
const probeAfterMs = 2000; // after the browser said that it is offline
const probeEachMs = 15_000; // while it goes on saying so
const probeForEditMs = 5000; // the same, after an edit
const frozenMs = 2000; // what was asked so long before the page was frozen is not answered any more

export class Occasions {
  #actions;
  #pollTimer = 0;
  #probeTimer = 0;
  #probedAt = -probeEachMs;
  #closing = new AbortController();

  /**
   * @param {object} actions `syncNow(ageMs)`, see SyncCore.syncNow; `poll()` when it is time to ask
   *   what is new; `saidOffline()`; `isSaidOffline()`; `probe()` tries whatever the browser says
   */
  constructor(actions) {
    this.#actions = actions;
    this.#listen();
    this.#poll();
  }

  /** Somebody has made an edit, and wants it sent. */
  edited() {
    this.#probe(probeForEditMs);
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#pollTimer);
    clearTimeout(this.#probeTimer);
  }

  #listen() {
    const { syncNow, saidOffline } = this.#actions;
    const { signal } = this.#closing;
    addEventListener("online", () => syncNow(0), { signal });
    addEventListener("offline", () => {
      saidOffline();
      clearTimeout(this.#probeTimer);
      this.#probeTimer = setTimeout(() => this.#probe(0), probeAfterMs);
    }, { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && syncNow(0), { signal });
    document.addEventListener("resume", () => syncNow(frozenMs), { signal });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") syncNow(Infinity);
    }, { signal });
  }

  #poll() {
    this.#pollTimer = setTimeout(() => {
      if (document.visibilityState === "visible") { // else nobody looks
        if (this.#actions.isSaidOffline()) this.#probe(probeEachMs);
        else this.#actions.poll();
      }
      this.#poll();
    }, pollMs * (0.5 + Math.random() / 2));
  }

  /** Tries although the browser says that it is offline, unless that was done lately. */
  #probe(notWithinMs) {
    if (!this.#actions.isSaidOffline()) return;
    if (performance.now() < this.#probedAt + notWithinMs) return;
    this.#probedAt = performance.now();
    this.#actions.probe();
  }
}
