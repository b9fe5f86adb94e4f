// Follows a live connection for a SyncClient: deltas that move the state, pokes that say where the
// server is, and the status of the connection. Messages may be missing, late or doubled; whatever
// does not fit means pull. The client polls while no connection reports what is new.

import { isChange, isPosition } from "./exchange.js";
import { samePosition } from "./local-store.js";

const staleRequestMs = 2000; // at a reconnect: what waits longer went into a dead connection

export class Follower {
  /** True once the server has acknowledged the subscription on the present connection. */
  isSubscribed = false;
  #topic;
  #store;
  #reach;
  #actions;
  #live = null;

  /**
   * @param {string} scope whose topic is followed
   * @param {LocalStore} store says where the state is
   * @param {Reachability} reach says whether the connection is open
   * @param {object} actions `apply`, `compare`, `heardOfHead` and `deny` as SyncCore has them, `pull()`
   *   asks for a pull, `push()` for a push, `syncNow(ageMs)` see SyncCore.syncNow
   */
  constructor(scope, store, reach, actions) {
    this.#topic = `sync:${scope}`;
    this.#store = store;
    this.#reach = reach;
    this.#actions = actions;
  }

  follow(live) {
    this.#live = live;
    this.resubscribe();
  }

  resubscribe() {
    this.#live?.subscribe(this.#topic, () => this.#store.position);
  }

  unsubscribe() {
    this.#live?.unsubscribe(this.#topic);
  }

  /** An answer came, so there is a network, whatever the browser says. */
  wake() {
    if (!this.#reach.isLiveOpen) this.#live?.wake();
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

  /**
   * Takes the status of the live connection.
   * @param {string|null} turn "opened" or "lost" if it has just become so
   * @param {boolean} isLead whether this scope asks for all that share the connection
   */
  liveChanged(status, turn, isLead) {
    if (status === "connecting") this.isSubscribed = false;
    // Opening and losing it both say that something may have changed: one scope asks, over HTTP. The
    // others are told by their subscriptions.
    if (turn && isLead) this.#actions.syncNow(turn === "opened" ? staleRequestMs : Infinity);
    else if (turn === "opened") this.#actions.push();
  }

  async #receiveDelta(payload) {
    if (!isPosition(payload) || !Array.isArray(payload.changes)) return;
    if (!payload.changes.every(isChange)) return;
    const { cursor, epoch, changes } = payload;
    try {
      const { gap } = await this.#actions.apply({ changes, position: { cursor, epoch } }, true);
      if (!gap) return await this.#actions.compare(payload, payload.checksum);
    } catch { /* storage fails: the pull says so, and is tried again */ }
    this.#actions.pull();
  }

  #receiveAck(payload) {
    this.isSubscribed = true;
    if (!this.#store.position) this.#actions.pull();
    else if (isPosition(payload)) this.#compare(payload);
  }

  #receivePoke(payload) {
    if (!isPosition(payload)) return;
    if (this.#store.isBehind(payload)) {
      this.#actions.pull();
    } else if (samePosition(payload, this.#store.position)) {
      this.#actions.heardOfHead();
      this.#compare(payload);
    }
  }

  /** Storage that cannot be read just now is compared another time. */
  #compare(payload) {
    this.#actions.compare(payload, payload.checksum).catch(() => {});
  }

  #receiveError({ code, error }) {
    this.isSubscribed = false; // until then we poll, and each poll subscribes again
    if (code === "scope_denied") this.#actions.deny({ code, error }).catch(() => {});
    else this.#actions.pull(); // a 410 in particular: the pull meets it, and resets
  }
}
