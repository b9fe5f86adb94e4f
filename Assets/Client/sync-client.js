// A client of one scope: edits are shown at once, kept in a queue that survives the browser, sent
// in order, and applied by the server exactly once; what others do comes by pulls and deltas.
//
//   mutate ► MutationQueue ► push round ► result ► settled, refused or kept
//   pull round, delta, snapshot ► LocalStore ► replay of the queue on top ► subscribers
//
// Works offline from the first moment on, with or without a live connection (`follow`), and in
// several tabs. This file is the face that an app sees; sync-core.js is the inside, rounds.js says
// what each answer means, local-store.js how the state may move.

import { EditSaver } from "./edit-saver.js";
import { Follower } from "./follower.js";
import { recordsByKey } from "./local-store.js";
import { checkName } from "./mutation-queue.js";
import { Occasions } from "./occasions.js";
import { Overlay } from "./replay.js";
import { forgetAll, restoreQueue, setAsideQueues } from "./set-aside.js";
import { SyncCore } from "./sync-core.js";

export class SyncClient {
  /** Resolves when the storage is open and what it holds can be read by `get` and `all`. */
  ready;
  #core;
  #replica;
  #appliers;
  #initial;
  #follower;
  #occasions;
  #subscribers = new Set();
  #overlay = null;
  #saver;
  #isTelling = false;

  /**
   * @param {string} baseURL the server; "" is the page's own origin
   * @param {string} scope what part of the data; "_default" if there is only one
   * @param {string} user whose storage on this device; storage is kept for each user
   * @param {object} appliers by mutation name: (store, args, {id, time}) => void, see replay.js
   * @param {object[]} initial records to show until the first snapshot: {entity, id, data}
   * @param {() => Promise<any>} refreshCredentials called after a 401, before the next try; false
   *   says that nobody is signed in any more: then the state goes, and the queue waits
   */
  constructor({
    baseURL = "", scope = "_default", user = "", appliers = {}, initial = [],
    refreshCredentials = async () => false,
  } = {}) {
    checkName(scope);
    this.#appliers = appliers;
    this.#initial = recordsByKey(initial);
    const name = `mizu:${JSON.stringify([baseURL, scope, user])}`;
    this.#core = new SyncCore(name, baseURL, scope, {
      changed: () => this.#changed(),
      told: () => this.#told(),
      replaced: () => this.#follower.resubscribe(),
      forgot: () => this.#forgot(),
      denied: () => this.#follower.unsubscribe(),
      refreshCredentials,
    });
    const core = this.#core;
    this.#replica = core.replica;
    this.ready = core.open();
    this.#saver = new EditSaver(core.replica, this.ready, {
      stored: () => core.ask("push"),
      givenUp: () => this.#changed(),
    });
    this.#follower = new Follower(scope, core.replica.store, core.reach, {
      apply: (page, isHead) => core.apply(page, isHead),
      compare: (position, checksum) => core.compare(position, checksum),
      heardOfHead: () => core.heardOfHead(),
      deny: (refusal) => core.deny(refusal),
      pull: () => core.ask("pull"),
      syncNow: (ageMs) => this.#syncNow(ageMs),
    });
    this.#occasions = new Occasions({
      syncNow: (ageMs) => this.#syncNow(ageMs),
      poll: () => this.#poll(),
      probe: () => this.#probe(),
      isSaidOffline: () => this.#core.reach.isSaidOffline,
      saidOffline: () => {
        this.#core.reach.saidOffline();
        this.#tell();
      },
    });
  }

  // Reading

  /** Returns a record's data as it is shown: the server's, with pending mutations on top. */
  get(entity, id) {
    return this.#view().get(entity, id);
  }

  /** Returns the data of all records of an entity, in no order. */
  all(entity) {
    return this.#view().all(entity);
  }

  /** Returns "pending" while a mutation of the record waits for the server, else "synced". */
  statusOf(entity, id) {
    return this.#view().isPending(entity, id) ? "pending" : "synced";
  }

  /**
   * The edits on this device, oldest first: {id, name, args, time, queued, replayed, refusal}.
   * `queued`: waits for a result; `replayed`: shown on top of the server's records; `refusal`: null,
   * or why the server refused it.
   */
  get edits() {
    return this.#replica.queue.rows.map(({ id, name, args, time, queued, replayed, refusal }) =>
      ({ id, name, args, time, queued, replayed, refusal }));
  }

  /** {cursor, epoch} of the state on this device, or null while there is none. */
  get position() {
    return this.#replica.store.position;
  }

  /**
   * {state, waiting, refused, lastSync, storage, isStorageLost, problem}: `state` is online,
   * syncing, offline or error; `waiting` counts the edits the server has not confirmed; `refused`
   * lists {id, name, args, code, error, time}; `lastSync` is a Date or null; `storage` is indexeddb,
   * memory or opening; `isStorageLost` says that it was indexeddb and somebody deleted that;
   * `problem` is the {code, error} that stands in the way, or null.
   */
  get status() {
    const { reach, phase, lastSync } = this.#core;
    const { queue, storage, store } = this.#replica;
    const waiting = queue.waiting.length;
    const isFetching = !store.position || phase === "opening" || phase === "resetting";
    return {
      state: reach.state(waiting > 0 || isFetching),
      waiting,
      refused: queue.refused.map(({ id, name, args, refusal }) => ({ id, name, args, ...refusal })),
      lastSync,
      storage: storage.kind,
      isStorageLost: storage.isLost,
      problem: this.#saver.problem ?? reach.problem,
    };
  }

  /**
   * Calls `listener(client)` after each change of records, queue or status, once for many.
   * @returns {() => void} ends the subscription
   */
  subscribe(listener) {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  // Writing

  /**
   * Makes a mutation, shows its effect and sends it as soon as that is possible.
   * @returns {string} its id; `saved(id)` resolves when it would survive the browser
   * @throws {TypeError} if the protocol cannot carry name or args
   */
  mutate(name, args = {}) {
    const row = this.#replica.queue.add(name, args);
    this.#changed();
    this.#saver.save(row);
    this.#occasions.edited();
    return row.id;
  }

  /** Resolves when the mutation is in storage; rejects if it could not be kept. */
  async saved(id) {
    await this.#saver.saved(id);
  }

  /** Sends a refused mutation again, as a new one. Returns the new id, or null. */
  async retry(id) {
    await this.ready;
    const row = await this.#replica.change((tx) => this.#replica.queue.retry(tx, id));
    this.#core.ask("push");
    return row?.id ?? null;
  }

  /** Forgets a refused mutation. */
  async discard(id) {
    await this.ready;
    await this.#replica.change((tx) => this.#replica.queue.discard(tx, id));
  }

  // Syncing

  /** Pushes and pulls now. Resolves to true if both succeeded. */
  async sync() {
    const pushed = await this.push();
    const pulled = await this.pull();
    return pushed && pulled;
  }

  async push() {
    await this.ready;
    this.#core.probe();
    return this.#core.now("push");
  }

  async pull() {
    await this.ready;
    this.#core.probe();
    return this.#core.now("pull");
  }

  /** Takes up a scope that was denied; otherwise the same as `sync`. */
  async resume() {
    this.#core.allow();
    this.#follower.resubscribe();
    return this.sync();
  }

  /**
   * Forgets the user, in all tabs: records, queue, what was put aside, pages that the browser keeps.
   * What was not sent is lost (`status.waiting` counts it). Nothing is synced until `resume`. The
   * server's part is to end the session, with `Clear-Site-Data: "cache", "storage"`.
   */
  async signOut() {
    await this.ready;
    this.#core.halt({ code: "signed_out", error: "You are signed out." });
    await forgetAll(this.#replica);
  }

  /** Lists the queues put aside because they belong to another user: {client, rows, time}. */
  async setAsideQueues() {
    await this.ready;
    return setAsideQueues(this.#replica);
  }

  /**
   * Takes up a queue that was put aside, once its user is signed in again; the present one, if
   * there is anything in it, goes aside in its place. False if there is no such queue.
   */
  async restoreQueue(client) {
    await this.ready;
    const isRestored = await restoreQueue(this.#replica, client);
    if (isRestored) this.sync();
    return isRestored;
  }

  /** Puts the edits of the queue on top of the server's records again, and calls the subscribers. */
  replay() {
    this.#changed();
  }

  close() {
    this.#occasions.close();
    this.#core.close();
  }

  // Live

  /** Lets `live` (a LiveClient) bring deltas; give its constructor `receive` and `liveChanged`. */
  async follow(live) {
    await this.ready;
    this.#follower.follow(live);
  }

  /** Takes a message of the live connection; those of other topics are passed over. */
  receive(message) {
    this.#follower.receive(message);
  }

  /** Takes the status of the live connection. */
  liveChanged(status) {
    this.#follower.liveChanged(status);
    this.#tell();
  }

  // Inside

  async #syncNow(ageMs) {
    this.#tell();
    await this.ready;
    // A page that is visible again is up to date if a live connection stayed open.
    if (ageMs === Infinity && this.#core.reach.isLiveOpen) return;
    this.#core.syncNow(ageMs);
  }

  /** Asks what is new; if that is answered, the edits that wait can be sent, too. */
  async #probe() {
    await this.ready;
    this.#core.probe(["pull"]);
    if (await this.#core.now("pull")) this.#core.now("push");
  }

  #poll() {
    const { reach, isOpen } = this.#core;
    const isTold = reach.isLiveOpen && this.#follower.isSubscribed && !reach.isSilent;
    if (!isOpen || isTold) return;
    this.#core.ask("pull");
    if (reach.isLiveOpen) this.#follower.resubscribe();
  }

  #view() {
    const { store, queue } = this.#replica;
    if (this.#core.isDenied) return new Overlay(new Map(), [], {});
    const base = store.position ? store.records : this.#initial;
    this.#overlay ??= new Overlay(base, queue.rows, this.#appliers);
    return this.#overlay;
  }

  #changed() {
    this.#overlay = null;
    this.#tell();
  }

  /** The records that the page came with belong to the state, too. */
  #forgot() {
    this.#initial = new Map();
    this.#changed();
  }

  #told() {
    if (navigator.onLine === false && !this.#core.reach.isSaidOffline) this.#follower.wake();
    this.#tell();
  }

  #tell() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const listener of this.#subscribers) listener(this);
    });
  }
}
