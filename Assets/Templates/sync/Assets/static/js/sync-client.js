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
import { isChange, isPosition } from "./exchange.js";
import { recordsByKey, samePosition } from "./local-store.js";
import { checkName } from "./mutation-queue.js";
import { Overlay } from "./replay.js";
import { restoreQueue, setAsideQueues } from "./set-aside.js";
import { SyncCore } from "./sync-core.js";

const pollMs = 10_000; // without a live connection; a random part of it
const probeEachMs = 60_000; // where the browser says that it is offline
const staleRequestMs = 2000; // at a reconnect: what waits longer went into a dead connection

export class SyncClient {
  /** Resolves when the storage is open and what it holds can be read by `get` and `all`. */
  ready;
  #core;
  #appliers;
  #initial;
  #live = null;
  #subscribers = new Set();
  #overlay = null;
  #saver;
  #isSubscribed = false;
  #pollTimer = 0;
  #probedAt = 0;
  #isTelling = false;
  #closing = new AbortController();

  /**
   * @param {string} baseURL the server; "" is the page's own origin
   * @param {string} scope what part of the data; "_default" where there is only one
   * @param {string} user whose storage on this device; storage is kept for each user
   * @param {object} appliers by mutation name: (store, args, {id, time}) => void, see replay.js
   * @param {object[]} initial records to show until the first snapshot: {entity, id, data}
   * @param {() => Promise<void>} refreshCredentials called after a 401, before the next try
   */
  constructor({
    baseURL = "", scope = "_default", user = "", appliers = {}, initial = [],
    refreshCredentials = async () => {},
  } = {}) {
    checkName(scope);
    this.#appliers = appliers;
    this.#initial = recordsByKey(initial);
    this.#core = new SyncCore(baseURL, scope, {
      changed: () => this.#changed(),
      told: () => this.#tell(),
      replaced: () => this.#resubscribe(),
      denied: () => this.#live?.unsubscribe(this.#topic),
      refreshCredentials,
    });
    this.ready = this.#core.open(`mizu:${JSON.stringify([baseURL, scope, user])}`);
    this.#saver = new EditSaver(this.#core, this.ready, () => this.#changed());
    this.#listen();
    this.#poll();
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
    return this.#core.queue.rows.map(({ id, name, args, time, queued, replayed, refusal }) =>
      ({ id, name, args, time, queued, replayed, refusal }));
  }

  /** {cursor, epoch} of the state on this device, or null while there is none. */
  get position() {
    return this.#core.store.position;
  }

  /**
   * {state, waiting, refused, lastSync, storage, problem}: `state` is online, syncing, offline or
   * error; `waiting` counts the edits the server has not confirmed; `refused` lists
   * {id, name, args, code, error, time}; `lastSync` is a Date or null; `storage` is indexeddb,
   * memory or opening; `problem` is the {code, error} that stands in the way, or null.
   */
  get status() {
    const { queue, storage, store, reach, isOpen, isResetting, lastSync } = this.#core;
    const waiting = queue.waiting.length;
    return {
      state: reach.state(waiting > 0 || !isOpen || !store.position || isResetting),
      waiting,
      refused: queue.refused.map(({ id, name, args, refusal }) => ({ id, name, args, ...refusal })),
      lastSync,
      storage: storage?.kind ?? "opening",
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
   * @throws {TypeError} where name or args are not what the protocol can carry
   */
  mutate(name, args = {}) {
    const row = this.#core.queue.add(name, args);
    this.#changed();
    this.#saver.save(row);
    return row.id;
  }

  /** Resolves when the mutation is in storage; rejects where it could not be kept. */
  async saved(id) {
    await this.#saver.saved(id);
  }

  /** Sends a refused mutation again, as a new one. Returns the new id, or null. */
  async retry(id) {
    await this.ready;
    const row = await this.#core.change((tx) => this.#core.queue.retry(tx, id));
    this.#core.pushLane.request();
    return row?.id ?? null;
  }

  /** Forgets a refused mutation. */
  async discard(id) {
    await this.ready;
    await this.#core.change((tx) => this.#core.queue.discard(tx, id));
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
    return (await this.#core.pushLane.now()).ok;
  }

  async pull() {
    await this.ready;
    this.#core.probe();
    return (await this.#core.pullLane.now()).ok;
  }

  /** Takes up a scope that was denied; elsewhere the same as `sync`. */
  async resume() {
    this.#core.allow();
    this.#resubscribe();
    return this.sync();
  }

  /** Lists the queues put aside because they belong to another user: {client, rows, time, …}. */
  async setAsideQueues() {
    await this.ready;
    return setAsideQueues(this.#core);
  }

  /**
   * Takes up a queue that was put aside, once its user is signed in again; the present one, if
   * there is anything in it, goes aside in its place. False where there is no such queue.
   */
  async restoreQueue(client) {
    await this.ready;
    const isRestored = await restoreQueue(this.#core, client);
    if (isRestored) this.sync();
    return isRestored;
  }

  /** Puts the edits of the queue on top of the server's records anew, and tells subscribers. */
  replay() {
    this.#changed();
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#pollTimer);
    this.#core.close();
  }

  // Live

  /** Lets `live` (a LiveClient) bring deltas; give its constructor `receive` and `liveChanged`. */
  async follow(live) {
    await this.ready;
    this.#live = live;
    this.#resubscribe();
  }

  /** Takes a message of the live connection; those of other topics are passed over. */
  receive(message) {
    if (message.topic !== this.#topic) return;
    const { type, payload } = message;
    if (type === "delta") this.#receiveDelta(payload);
    else if (type === "sync") this.#receivePoke(payload);
    else if (type === "ack") this.#receiveAck();
    else if (type === "error") this.#receiveError(message);
  }

  /** Takes the status of the live connection. */
  liveChanged(status) {
    const { reach } = this.#core;
    const wasOpen = reach.isLiveOpen;
    if (status === "connecting") this.#isSubscribed = false;
    reach.liveChanged(status);
    // Opening and losing it both say that something may have changed: ask, over HTTP.
    if (status === "open" && !wasOpen) this.#syncNow(staleRequestMs);
    else if (status !== "open" && wasOpen) this.#syncNow(Infinity);
    this.#tell();
  }

  get #topic() {
    return `sync:${this.#core.scope}`;
  }

  #resubscribe() {
    this.#live?.subscribe(this.#topic, () => this.position);
  }

  async #receiveDelta(payload) {
    if (!isPosition(payload) || !Array.isArray(payload.changes)) return;
    if (!payload.changes.every(isChange)) return;
    const { cursor, epoch, changes } = payload;
    try {
      const { gap } = await this.#core.apply({ changes, position: { cursor, epoch } }, true);
      if (!gap) return;
    } catch { /* storage fails: the pull says so, and is tried again */ }
    this.#core.pullLane.request();
  }

  #receiveAck() {
    this.#isSubscribed = true;
    if (!this.position) this.#core.pullLane.request();
  }

  #receivePoke(payload) {
    if (!isPosition(payload)) return;
    if (this.#core.store.isBehind(payload)) {
      this.#core.pullLane.request();
    } else if (samePosition(payload, this.position)) {
      this.#core.lastSync = new Date();
      this.#tell();
    }
  }

  #receiveError({ code, error }) {
    this.#isSubscribed = false; // until then we poll, and each poll subscribes anew
    if (code === "scope_denied") this.#core.deny({ code, error }).catch(() => {});
    else this.#core.pullLane.request(); // a 410 in particular: the pull meets it, and resets
  }

  // Inside

  #listen() {
    const { signal } = this.#closing;
    addEventListener("online", () => this.#syncNow(0), { signal });
    addEventListener("offline", () => {
      this.#probedAt = performance.now();
      this.#tell();
    }, { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.#syncNow(0), { signal });
    document.addEventListener("visibilitychange", () => {
      const isWatched = document.visibilityState === "visible";
      if (isWatched && !this.#core.reach.isLiveOpen) this.#syncNow(Infinity);
    }, { signal });
  }

  async #syncNow(ageMs) {
    this.#tell();
    await this.ready;
    this.#core.syncNow(ageMs);
  }

  #poll() {
    this.#pollTimer = setTimeout(() => {
      const isWatched = document.visibilityState === "visible";
      const { reach, isOpen, pullLane } = this.#core;
      const isTold = reach.isLiveOpen && this.#isSubscribed;
      if (!isWatched || !isOpen || isTold) {
        // Nobody looks, or the live connection tells what there is.
      } else if (navigator.onLine === false) {
        this.#probe();
      } else {
        pullLane.request();
        if (reach.isLiveOpen && !this.#core.isDenied) this.#resubscribe();
      }
      this.#poll();
    }, pollMs * (0.5 + Math.random() / 2));
  }

  #probe() {
    if (performance.now() < this.#probedAt + probeEachMs) return;
    this.#probedAt = performance.now();
    this.sync();
  }

  #view() {
    const { store, queue, isDenied } = this.#core;
    if (isDenied) return new Overlay(new Map(), [], {});
    const base = store.position ? store.records : this.#initial;
    this.#overlay ??= new Overlay(base, queue.rows, this.#appliers);
    return this.#overlay;
  }

  #changed() {
    this.#overlay = null;
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
