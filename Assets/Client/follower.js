// What a live connection brings to a SyncClient: deltas that move the state, pokes that say where
// the server is, and its own coming and going. Messages may be missing, late or doubled; whatever
// does not fit means pull. Polling takes over where nothing tells us what there is.

import { isChange, isPosition } from "./exchange.js";
import { samePosition } from "./local-store.js";

const staleRequestMs = 2000; // at a reconnect: what waits longer went into a dead connection

export class Follower {
  /** True once the server has acknowledged the subscription on the present connection. */
  isSubscribed = false;
  #core;
  #live = null;
  #syncNow;

  /** @param {(ageMs: number) => void} syncNow see SyncCore.syncNow */
  constructor(core, syncNow) {
    this.#core = core;
    this.#syncNow = syncNow;
  }

  get #topic() {
    return `sync:${this.#core.scope}`;
  }

  follow(live) {
    this.#live = live;
    this.resubscribe();
  }

  resubscribe() {
    this.#live?.subscribe(this.#topic, () => this.#core.store.position);
  }

  unsubscribe() {
    this.#live?.unsubscribe(this.#topic);
  }

  /** An answer came, so there is a network, whatever the browser says. */
  wake() {
    if (!this.#core.reach.isLiveOpen) this.#live?.wake();
  }

  /** Takes a message of the live connection; those of other topics are passed over. */
  receive(message) {
    if (message.topic !== this.#topic) return;
    const { type, payload } = message;
    if (type === "delta") this.#receiveDelta(payload);
    else if (type === "sync") this.#receivePoke(payload);
    else if (type === "ack") this.#receiveAck(payload);
    else if (type === "error") this.#receiveError(message);
  }

  /** Takes the status of the live connection. */
  liveChanged(status) {
    const { reach } = this.#core;
    const wasOpen = reach.isLiveOpen;
    if (status === "connecting") this.isSubscribed = false;
    reach.liveChanged(status);
    // Opening and losing it both say that something may have changed: ask, over HTTP.
    if (status === "open" && !wasOpen) this.#syncNow(staleRequestMs);
    else if (status !== "open" && wasOpen) this.#syncNow(Infinity);
  }

  async #receiveDelta(payload) {
    if (!isPosition(payload) || !Array.isArray(payload.changes)) return;
    if (!payload.changes.every(isChange)) return;
    const { cursor, epoch, changes } = payload;
    try {
      const { gap } = await this.#core.apply({ changes, position: { cursor, epoch } }, true);
      if (!gap) return await this.#core.compare(payload, payload.checksum);
    } catch { /* storage fails: the pull says so, and is tried again */ }
    this.#core.pullLane.request();
  }

  #receiveAck(payload) {
    this.isSubscribed = true;
    if (!this.#core.store.position) this.#core.pullLane.request();
    else if (isPosition(payload)) this.#compare(payload);
  }

  #receivePoke(payload) {
    const { store, pullLane } = this.#core;
    if (!isPosition(payload)) return;
    if (store.isBehind(payload)) {
      pullLane.request();
    } else if (samePosition(payload, store.position)) {
      this.#core.heardOfHead();
      this.#compare(payload);
    }
  }

  /** Storage that cannot be read just now is compared another time. */
  #compare(payload) {
    this.#core.compare(payload, payload.checksum).catch(() => {});
  }

  #receiveError({ code, error }) {
    this.isSubscribed = false; // until then we poll, and each poll subscribes anew
    if (code === "scope_denied") this.#core.deny({ code, error }).catch(() => {});
    else this.#core.pullLane.request(); // a 410 in particular: the pull meets it, and resets
  }
}
