// Several scopes of one person over one socket: clients are opened and closed as lists are, and share
// the server, the way there and the occasions at which they ask (session.js). The hub follows the
// person's own scope, in which the server lists the scopes that they have; one that vanishes from it
// goes from this device. And it is the person on this device: it stops when somebody else signs in, in
// whatever tab, and knows how to sign out without losing what waits.
//
//   starting ──storage open──► running ──somebody else, signed out, close──► stopped, for good
//
// A scope that is closed with edits waiting stays at work, unseen, until they are sent.

import {
  countOf, editsOnDevice, forgetOthers, forgetUser, homeOf, keepEdits, Notes, putBack, storagesFor,
} from "./device.js";
import { sealsOf, takeSealed } from "./kept-edits.js";
import { LiveClient } from "./live-client.js";
import { scopeChanges, scopesOf, stateOf } from "./scope-list.js";
import { Session } from "./session.js";
import { deleteCopies } from "./set-aside.js";
import { storageName } from "./storage.js";
import { SyncClient } from "./sync-client.js";
import { rememberUser, watchUser, whoAmI } from "./who.js";

const nothing = () => {};
const isLost = (client) => client.status.problem?.code === "scope_denied";
const goneReason = { code: "scope_denied", error: "You are no longer a member here." };

export class SyncHub {
  /** Resolves when the person's own scope is open: what this device knows of their scopes can be read. */
  ready;
  /** Whose scopes these are; "" for nobody's. */
  user;
  /** The client of the person's own scope; null for nobody's. */
  home = null;
  /** The LiveClient that all scopes share; null if there is to be none. */
  live = null;
  #options;
  #session;
  #notes;
  /** By scope: {client, count, ends}; count 0 while it only sends what waits. */
  #open = new Map();
  #listed = [];
  #dealing = Promise.resolve();
  #subscribers = new Set();
  #stop = new AbortController();
  #seals = [];

  /**
   * @param {string} user who is signed in, as the server knows them; see `whoAmI`
   * @param {object} appliers by mutation name, for all scopes
   * @param {object|false} live options of the LiveClient; false for none
   * @param {number} leaseDays see SyncClient
   * @param {string[]} sealKey the server's keys for this user on a device (`deviceKeys` of `whoAmI`);
   *   if it is left out, the hub asks by itself
   * @param {() => Promise<any>} refreshCredentials see SyncClient; by default asks who is signed in
   * @param {(told: object) => void} onScopes {scopes, came, went} when the list has changed
   * @param {(told: object) => void} onScopeLost, onSetAside, onError see SyncClient
   * @param {(who: object|null) => void} onUserChanged the hub has stopped: somebody else is signed in
   *   on this browser, or nobody (null)
   */
  constructor({
    baseURL = "", user = "", appliers = {}, live = {}, leaseDays = 0, sealKey, refreshCredentials,
    onScopes = nothing, onScopeLost = nothing, onSetAside = nothing, onError = nothing,
    onUserChanged = nothing,
  } = {}) {
    this.user = user;
    this.#options = { appliers, leaseDays, sealKey, onScopes, onUserChanged,
      client: { appliers, leaseDays, onSetAside, onError,
        onScopeLost: (told) => this.#lost(told, onScopeLost) } };
    this.#session = new Session({
      baseURL, user, claim: user,
      refreshCredentials: refreshCredentials ?? (() => this.#refresh()),
      isSomebodyElse: () => this.#isSomebodyElse(),
    });
    this.#notes = new Notes(storageName(baseURL, homeOf(user), user));
    if (live !== false) {
      this.live = new LiveClient({
        ...live,
        onMessage: (message) => this.#receive(message, live.onMessage),
        onStatus: (status) => {
          this.#session.liveChanged(status);
          live.onStatus?.(status);
        },
      });
    }
    watchUser(baseURL, (who) => this.#heardUser(who), this.#stop.signal);
    this.ready = this.#start();
  }

  /** The scopes that the server lists for this person, by name: {scope, role, …}. */
  get scopes() {
    return this.#listed;
  }

  /** The scopes that are open, or at work to send what waits. */
  get clients() {
    return [...this.#open.values()].map((one) => one.client);
  }

  /** {state, waiting, refused} of all that is open: one status line for several scopes. */
  get status() {
    const all = [this.home, ...this.clients].filter(Boolean).map((one) => one.status);
    const sum = (count) => all.reduce((total, one) => total + count(one), 0);
    return {
      state: stateOf(all.map((one) => one.state)),
      waiting: sum((one) => one.waiting),
      refused: sum((one) => one.refused.length),
    };
  }

  /**
   * Opens a scope, or counts one more who wants it; `close` as often.
   * @param {object} options `initial` of SyncClient, if it is the first
   * @returns {SyncClient}
   * @throws {Error} if the hub has stopped
   */
  open(scope, { initial = [] } = {}) {
    if (this.#stop.signal.aborted) throw new Error("this hub has stopped");
    if (scope === this.home?.scope) return this.home;
    const known = this.#open.get(scope);
    if (known && (known.count > 0 || !isLost(known.client))) {
      known.count += 1;
      return known.client;
    }
    if (known) this.#release(known); // nobody wants it any more, and nothing will come of it
    const client = new SyncClient({ ...this.#options.client, scope, initial }, this.#session);
    const entry = { client, count: 1, ends: client.subscribe(() => this.#changed(entry)) };
    this.#open.set(scope, entry);
    if (this.live) client.follow(this.live);
    return client;
  }

  /** Gives up what `open` has returned; it ends when nobody wants it and nothing waits. */
  close(scope) {
    const entry = this.#open.get(scope);
    if (!entry || entry.count === 0) return;
    entry.count -= 1;
    entry.client.ready.then(() => this.#endIfDone(entry));
  }

  /** Stops all of it; what is on the device stays there. */
  closeAll() {
    this.#end();
  }

  /** Pushes and pulls all that is open now. Resolves to whether all succeeded. */
  async sync() {
    const clients = [this.home, ...this.clients].filter(Boolean);
    return (await Promise.all(clients.map((one) => one.sync()))).every(Boolean);
  }

  /** Calls `listener(hub)` after changes of anything that is open. Returns what ends it. */
  subscribe(listener) {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  /**
   * Forgets the person on this device, in all tabs and all scopes. If edits wait, it is for them to
   * say what becomes of these, and without `keep` nothing happens.
   * @param {boolean} keep true: they are sealed, and go on when the same person signs in here again;
   *   false: they are lost
   * @returns {Promise<{isDone: boolean, waiting: number, kept: number, problem: object|null}>} not
   *   done: `waiting` edits, or `problem` says why they cannot be kept. The server's part, to end the
   *   session, comes after this; see client.md
   */
  async signOut({ keep } = {}) {
    await this.ready;
    const { baseURL } = this.#session;
    const answer = { isDone: false, waiting: 0, kept: 0, problem: null };
    let found = await editsOnDevice(baseURL, this.user);
    answer.waiting = countOf(found);
    if (answer.waiting > 0 && keep === undefined) return answer;
    const [seal] = this.#seals.length > 0 ? this.#seals : [await this.#notes.get("seal")];
    if (answer.waiting > 0 && keep && !seal) {
      const error = "This browser cannot keep edits so that nobody else can read them.";
      return { ...answer, problem: { code: "cannot_keep", error } };
    }
    this.#end();
    rememberUser(baseURL, null); // the other tabs stop
    found = await editsOnDevice(baseURL, this.user);
    if (keep && seal) await keepEdits(seal, found);
    await forgetUser(baseURL, this.user);
    await deleteCopies();
    return { ...answer, isDone: true, kept: keep ? countOf(found) : 0 };
  }

  // Inside

  async #start() {
    if (this.user === "") {
      this.live?.connect();
      return;
    }
    const options = { ...this.#options.client, onScopeLost: nothing, scope: homeOf(this.user) };
    this.home = new SyncClient(options, this.#session);
    await this.home.ready;
    if (this.#stop.signal.aborted) return;
    this.home.subscribe(() => this.#deal());
    this.#deal();
    if (this.live) this.home.follow(this.live);
    this.live?.connect();
    this.#settle().catch((error) => console.warn("mizu: what waits here was not all found:", error));
  }

  /** Finds what this person has left on the device: edits that were kept, scopes in which some wait. */
  async #settle() {
    const { baseURL } = this.#session;
    const { sealKey } = this.#options;
    const who = sealKey === undefined ? await whoAmI({ baseURL }) : null;
    if (this.#stop.signal.aborted || (who && this.#isOther(who))) return;
    this.#seals = await sealsOf([sealKey ?? who.deviceKeys].flat());
    if (this.#seals.length > 0) await this.#notes.put("seal", this.#seals[0]);
    if (!who || who.source === "server") await forgetOthers(baseURL, this.user);
    await takeSealed(this.#seals, (kept) => putBack(baseURL, this.user, kept));
    for (const { scope, rows } of await editsOnDevice(baseURL, this.user)) {
      if (this.#stop.signal.aborted) return;
      if (scope === homeOf(this.user) || !rows.some((row) => row.queued)) continue;
      this.open(scope);
      this.close(scope);
    }
  }

  #receive(message, other = nothing) {
    const { topic, type, code } = message;
    const isOurs = [this.home, ...this.clients].filter((one) => one && topic === `sync:${one.scope}`);
    for (const one of isOurs) one.receive(message);
    if (isOurs.length > 0) return;
    const isRefused = code === "token_expired" || code === "unauthenticated";
    if (type === "error" && isRefused && !topic) this.#session.refresh().catch(nothing);
    other(message);
  }

  // The list of scopes

  #deal() {
    this.#tell();
    if (!this.home.position || !this.home.isShown) return; // an empty list says nothing then
    const scopes = scopesOf(this.home.entries("mizu.scope"));
    const { came, went, isSame } = scopeChanges(this.#listed, scopes);
    this.#listed = scopes;
    for (const one of this.clients) {
      if (came.includes(one.scope) && isLost(one)) one.resume({ withEdits: false });
    }
    if (!isSame) this.#options.onScopes({ scopes, came, went });
    if (!isSame) this.#dealing = this.#dealing.then(() => this.#dealWith(scopes)).catch(nothing);
  }

  /** Takes from this device what was listed once and is not any more. */
  async #dealWith(scopes) {
    const before = (await this.#notes.get("listed")) ?? [];
    const names = scopes.map((one) => one.scope);
    for (const scope of before.filter((one) => !names.includes(one))) await this.#forget(scope);
    if (!this.#stop.signal.aborted) await this.#notes.put("listed", names);
  }

  async #forget(scope) {
    if (this.#stop.signal.aborted) return;
    const { baseURL, user } = this.#session;
    const isHere = (await storagesFor(baseURL)).some((one) => one.scope === scope && one.user === user);
    if (!isHere && !this.#open.has(scope)) return;
    await this.open(scope).lose(goneReason);
    this.close(scope);
  }

  #lost(told, onScopeLost) {
    this.#tell();
    onScopeLost(told);
  }

  #changed(entry) {
    this.#tell();
    if (entry.count === 0) this.#endIfDone(entry);
  }

  #endIfDone({ client, count, ends }) {
    if (count > 0 || this.#open.get(client.scope)?.client !== client) return;
    if (client.edits.some((edit) => edit.queued)) return;
    this.#release({ client, ends });
  }

  #release({ client, ends }) {
    this.#open.delete(client.scope);
    ends();
    client.close();
  }

  #tell() {
    for (const listener of this.#subscribers) listener(this);
  }

  // The person

  async #refresh() {
    const who = await whoAmI({ baseURL: this.#session.baseURL });
    if (who.source !== "server") return who.source === "device";
    return who.user !== null && !this.#isOther(who);
  }

  /** After `wrong_user`: true also if nobody is signed in any more, which is no reason to give up edits. */
  async #isSomebodyElse() {
    const who = await whoAmI({ baseURL: this.#session.baseURL });
    return this.#isOther(who) || (who.source === "server" && who.user === null);
  }

  /** Stops if the server says that somebody else is signed in; nobody is a matter of `refresh`. */
  #isOther(who) {
    if (who.source !== "server" || who.user === null || who.user === this.user) return false;
    this.#changeUser({ user: who.user, name: who.name });
    return true;
  }

  #heardUser(who) {
    if (this.user !== "" && who?.user !== this.user) this.#changeUser(who);
  }

  #changeUser(who) {
    if (this.#stop.signal.aborted) return;
    this.#end();
    this.#options.onUserChanged(who);
  }

  #end() {
    this.#stop.abort();
    this.live?.close();
    this.home?.close();
    for (const { client, ends } of this.#open.values()) {
      ends();
      client.close();
    }
    this.#open.clear();
    this.#tell();
  }
}
