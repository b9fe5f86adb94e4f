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
import { checkName } from "./mutation-queue.js";
import { Session } from "./session.js";
import { discardQueue, forgetAll, restoreQueue, setAsideQueues, takeBack } from "./set-aside.js";
import { storageName } from "./storage.js";
import { SyncCore } from "./sync-core.js";
import { syncStatus } from "./sync-status.js";
import { View } from "./view.js";

export class SyncClient {
  /** Resolves when the storage is open and what it holds can be read by `get` and `all`. */
  ready;
  /** What part of the data this is. */
  scope;
  #core;
  #replica;
  #session;
  #follower;
  #member;
  #view;
  #subscribers = new Set();
  #saver;
  #isTelling = false;

  /**
   * @param {string} baseURL the server; "" is the page's own origin
   * @param {string} scope what part of the data; "_default" if there is only one
   * @param {string} user whose storage on this device; storage is kept for each user
   * @param {object} appliers by mutation name: (store, args, {id, time, user, role}) => void, see
   *   replay.js
   * @param {object[]} initial records to show until the first snapshot: {entity, id, data}
   * @param {number} leaseDays after so many days without the server the records are hidden; 0: never
   * @param {() => Promise<any>} refreshCredentials called after a 401, before the next try; false
   *   says that nobody is signed in any more: then the state goes, and the queue waits
   * @param {(told: object) => void} onScopeLost called when the scope may not be read any more
   * @param {(told: object) => void} onSetAside called when edits were put aside, and the scope stays
   * @param {(told: object) => void} onError called for a fault of an applier, see applier-watch.js
   * @param {Session} session of a hub; else the client makes its own
   */
  constructor({
    baseURL = "", scope = "_default", user = "", appliers = {}, initial = [], leaseDays = 0,
    refreshCredentials, onScopeLost = () => {}, onSetAside = () => {}, onError = () => {},
  } = {}, session = new Session({ baseURL, user, refreshCredentials })) {
    checkName(scope);
    this.scope = scope;
    this.#session = session;
    this.#core = new SyncCore(storageName(session.baseURL, scope, session.user), scope, session, {
      changed: () => this.#changed(),
      told: () => this.#tell(),
      arriving: (changes) => this.#view.arriving(changes),
      replaced: () => this.#follower.resubscribe(),
      forgot: () => this.#view.forgot(),
      denied: () => this.#follower.unsubscribe(),
      lost: (reason, edits) => onScopeLost({ scope, reason, edits }),
      refused: (reason, edits) => edits.length > 0 && onSetAside({ scope, reason, edits }),
    });
    const core = this.#core;
    this.#replica = core.replica;
    this.#view = new View(core, session.user, { scope, appliers, initial, leaseDays, onError });
    this.ready = core.open();
    this.#saver = new EditSaver(core.replica, this.ready, {
      stored: () => core.stored().catch(() => {}), // storage fails: the next edit tries again
      givenUp: () => this.#changed(),
    });
    this.#follower = new Follower(scope, core.replica.store, core.reach, {
      apply: (page, isHead) => core.apply(page, isHead),
      compare: (position, checksum) => core.compare(position, checksum),
      heardOfHead: () => core.heardOfHead(),
      deny: (refusal) => core.deny(refusal),
      pull: () => core.ask("pull"),
      push: () => core.now("push"),
      syncNow: (ageMs) => this.#syncNow(ageMs),
    });
    this.#member = {
      syncNow: (ageMs) => this.#syncNow(ageMs),
      hasten: () => core.hasten(),
      poll: () => this.#poll(),
      probe: () => this.#probe(),
      told: () => this.#told(),
      liveChanged: (status, turn, isLead) => {
        this.#follower.liveChanged(status, turn, isLead);
        this.#tell();
      },
    };
    session.join(this.#member);
  }

  // Reading

  /** Returns a record's data as it is shown: the server's, with pending mutations on top. */
  get(entity, id) {
    return this.#view.overlay.get(entity, id);
  }

  /** Returns the data of all records of an entity, in no order. */
  all(entity) {
    return this.#view.overlay.all(entity);
  }

  /** Returns [id, data] of all records of an entity, in no order. */
  entries(entity) {
    return this.#view.overlay.entries(entity);
  }

  /** The user's role in this scope, by its grants (`mizu.grant`); null without one. */
  get role() {
    return this.#view.overlay.role;
  }

  /** Returns "pending" while a mutation of the record waits for the server, else "synced". */
  statusOf(entity, id) {
    return this.#view.overlay.isPending(entity, id) ? "pending" : "synced";
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

  /** False while nothing is shown, whatever is here: the scope is denied, or the lease is over. */
  get isShown() {
    return this.#view.isShown;
  }

  /** {cursor, epoch} of the state on this device, or null while there is none. */
  get position() {
    return this.#replica.store.position;
  }

  /** How syncing stands; see sync-status.js. */
  get status() {
    return syncStatus(this.#core, this.#saver, this.#view);
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
    if (this.#core.phase === "closed") throw new Error("this client is closed");
    const row = this.#replica.queue.add(name, args);
    this.#changed();
    this.#saver.save(row);
    this.#session.edited();
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
    return this.#now("push");
  }

  async pull() {
    return this.#now("pull");
  }

  /** Takes up a scope that was denied, by default with the edits put aside for that; else as `sync`. */
  async resume({ withEdits = true } = {}) {
    await this.ready;
    if (withEdits) await takeBack(this.#replica, "scope_denied");
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

  /**
   * Takes the scope from this device, as if the server had denied it: state deleted, queue put aside
   * with `reason`, in all tabs; `onScopeLost` is called.
   */
  async lose(reason) {
    await this.ready;
    await this.#core.deny(reason);
  }

  /** Lists the queues put aside, each with the reason: {client, rows, time, reason}. */
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

  /** Forgets a queue that was put aside; false if there is no such queue. */
  async discardQueue(client) {
    await this.ready;
    return discardQueue(this.#replica, client);
  }

  /** Puts the edits of the queue on top of the server's records again, and calls the subscribers. */
  replay() {
    this.#changed();
  }

  /** Stops for good; what is on the device stays there. */
  close() {
    this.#session.leave(this.#member);
    this.#follower.unsubscribe();
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
    this.#session.liveChanged(status);
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
    const isAnswered = await this.#core.now("pull");
    if (isAnswered) this.#core.now("push");
    return isAnswered;
  }

  /** Somebody wants it now, whatever the browser says and whatever has failed. */
  async #now(lane) {
    await this.ready;
    this.#core.probe();
    this.#session.gate.urge();
    return this.#core.now(lane);
  }

  #poll() {
    if (this.#view.hasTurned) this.#changed();
    const { reach, isOpen } = this.#core;
    const isTold = reach.isLiveOpen && this.#follower.isSubscribed && !reach.isSilent;
    if (!isOpen || isTold) return;
    this.#core.ask("pull");
    if (reach.isLiveOpen) this.#follower.resubscribe();
  }

  #changed() {
    this.#view.changed();
    this.#tell();
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
