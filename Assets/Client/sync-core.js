// The inside of a SyncClient: the two lanes over what this device holds (see replica.js), and what
// each answer of the server and each refusal means for the whole client.

import { Exchange } from "./exchange.js";
import { Lane } from "./lane.js";
import { LocalStore } from "./local-store.js";
import { batchCountMax } from "./mutation-queue.js";
import { Reachability } from "./reachability.js";
import { Replica, isSame } from "./replica.js";
import { pullRound, pushRound } from "./rounds.js";
import { forgetState, setAside } from "./set-aside.js";
import { Spread } from "./spread.js";
import { StateCheck } from "./state-check.js";
import { turnTaker } from "./turn.js";

const catchUpMs = 1500; // how long a delta may take after a result before we pull
const probeMs = 1000; // how long rounds are tried although the browser says that it is offline

export class SyncCore {
  replica;
  queue;
  store;
  storage;
  reach = new Reachability();
  exchange;
  scope;
  isOpen = false;
  isClosed = false;
  isDenied = false;
  isResetting = false;
  lastSync = null;
  /** How many mutations a push may carry: halved by a 413, doubled by a success. */
  batchMax = batchCountMax;
  /** Keeps clients apart that were all told to take a snapshot. */
  spread = new Spread();
  check = new StateCheck(() => this.pullLane.request());
  pushTurn;
  snapshotTurn;
  pushLane = new Lane(() => this.#round("push", pushRound));
  pullLane = new Lane(() => this.#round("pull", pullRound));
  #hooks;
  #probeUntil = { push: 0, pull: 0 };
  #pauses = new Set();

  /**
   * @param {string} name of the storage
   * @param {object} hooks `changed()` after records or queue, `told()` after the status alone,
   *   `replaced()` after a snapshot, `forgot()` when nothing of the state may be shown any more,
   *   `denied()` with the scope, `refreshCredentials()` after a 401
   */
  constructor(name, baseURL, scope, hooks) {
    this.scope = scope;
    this.#hooks = hooks;
    this.replica = new Replica(name, {
      changed: hooks.changed,
      read: (state) => this.#read(state),
      heard: (message) => this.#heard(message),
      reread: () => this.#reread(),
      forgot: hooks.forgot,
    });
    ({ queue: this.queue, store: this.store, storage: this.storage } = this.replica);
    this.pushTurn = turnTaker(`${name}:push`, this.storage);
    this.snapshotTurn = turnTaker(`${name}:snapshot`, this.storage);
    this.exchange = new Exchange(baseURL, (kind) => {
      this.reach.exchanged(kind);
      hooks.told();
    });
  }

  /** Opens the storage, shows what it holds and begins to sync. */
  async open() {
    await this.replica.open();
    this.lastSync = (await this.storage.read((tx) => tx.get("meta", "syncedAt"))) ?? null;
    this.isOpen = true;
    this.probe(["pull"]);
    this.#hooks.told();
    this.pushLane.request();
    this.pullLane.request();
  }

  close() {
    this.isClosed = true;
    this.pushLane.close();
    this.pullLane.close();
    this.check.close();
    this.replica.close();
    for (const end of this.#pauses) end();
    this.exchange.abort();
  }

  /** Pushes and pulls at once; requests older than `ageMs` are given up and made anew. */
  async syncNow(ageMs) {
    if (this.isDenied) return;
    this.exchange.abort(ageMs);
    this.pushLane.now();
    this.pullLane.now();
  }

  /** Runs `work(tx)` as one durable change; see Replica.change. */
  change(work) {
    return this.replica.change(work);
  }

  /**
   * Applies changes and ends the replay of what they confirm, in one transaction.
   * @param {object} page see LocalStore.apply
   * @param {boolean} isHead nothing is known to come after them
   * @param {string[]} compared ids of settled mutations that the page, if it is the head, decides
   */
  async apply(page, isHead, compared = []) {
    const now = new Date();
    const applied = await this.change(async (tx) => {
      if (this.isDenied) return { moved: false, gap: false };
      const outcome = await LocalStore.apply(tx, page);
      if (outcome.gap) return outcome;
      const changes = outcome.patch?.changes ?? [];
      const decided = isHead ? compared : [];
      await this.queue.observe(tx, changes, await tx.get("meta", "position"), decided);
      if (isHead) await tx.put("meta", "syncedAt", now);
      return outcome;
    });
    if (isHead && !applied.gap) this.lastSync = now;
    return applied;
  }

  /** Takes the server's checksum of a position, if it told one; see state-check.js. */
  async compare(position, told) {
    if (typeof told !== "string" || !isSame(this.store.position, position)) return;
    const { checksum, id } = this.store;
    this.check.compare(checksum, told, id);
    if (!this.check.isRecountDue) return;
    const beganAt = performance.now();
    this.check.recounted(beganAt);
    const stored = await this.storage.read((tx) => LocalStore.read(tx));
    this.check.recounted(beganAt);
    if (stored.isDamaged) this.check.differs(stored.id);
  }

  /** After a snapshot was swapped in, by this tab or another. */
  async replaced() {
    if (this.isDenied) return forgetState(this); // denied while it was on the way
    this.lastSync = new Date();
    await this.change(async (tx) => {
      await tx.put("meta", "syncedAt", this.lastSync);
      return { reread: true };
    });
    this.#hooks.replaced();
  }

  /** The server says that it is where the state is. */
  heardOfHead() {
    this.lastSync = new Date();
    this.#hooks.told();
  }

  /** After the results of a push: sees to it that the state catches up with them. */
  settled({ behind, pull }) {
    if (pull || (behind && !this.reach.isLiveOpen)) {
      this.pullLane.request();
    } else if (behind) {
      setTimeout(() => {
        if (this.queue.rows.some((row) => row.result)) this.pullLane.request();
      }, catchUpMs);
    }
  }

  /** A result said "retry": the queue is kept, and tried again in its time. */
  undecided(code) {
    const error = "The server cannot take edits at the moment. They are kept here.";
    return { ok: false, problem: { code, error } };
  }

  /**
   * Says what a lane does after `outcome`, by protocol.md's table of statuses. `client` is the one
   * whose push it was, if it was one.
   */
  async failed(outcome, client) {
    if (outcome.kind === "none") return { ok: false };
    const { status, code, error, retryAfterMs } = outcome;
    if (code === "scope_denied") return this.deny(outcome);
    if (code === "wrong_user") {
      await setAside(this, client);
      this.pullLane.request();
    } else if (status === 401) {
      // Nobody is signed in any more: what they saw goes, what they typed waits for them.
      const isRefreshed = await this.#hooks.refreshCredentials();
      if (isRefreshed === false && this.store.position) await forgetState(this);
    } else if (status < 500 && status !== 429) {
      console.error(`mizu: ${code}: ${error}`); // a bug, here or there; the queue is kept
    }
    return { ok: false, retryAfterMs, problem: { code, error } };
  }

  /** Stops the scope: its state is deleted, its queue kept aside, the user told. */
  async deny(refusal) {
    this.halt(refusal);
    await forgetState(this);
    return { ok: false, halt: true };
  }

  /** Stops the scope and says why. */
  halt({ code, error }) {
    this.isDenied = true;
    this.reach.setProblem("scope", { code, error });
    this.#hooks.denied();
  }

  /** Takes the scope up again, for instance after signing in. */
  allow() {
    this.isDenied = false;
    this.reach.setProblem("scope", null);
  }

  /**
   * Lets the next rounds of `lanes` try although the browser says that it is offline: it is wrong on
   * some machines, and always where the server runs on this very one.
   */
  probe(lanes = ["push", "pull"]) {
    for (const lane of lanes) this.#probeUntil[lane] = performance.now() + probeMs;
  }

  /** Resolves after so many milliseconds, or when the client is closed. */
  pause(milliseconds) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#pauses.add(end);
    });
  }

  #read({ id, isDamaged }) {
    this.check.recounted(performance.now());
    if (isDamaged) this.check.differs(id);
  }

  #reread() {
    if (!this.isOpen) return;
    if (this.queue.rows.some((row) => row.queued)) this.pushLane.request();
    if (!this.store.position) this.pullLane.request();
  }

  #heard({ isPatched, news, signedOut }) {
    if (signedOut) this.halt({ code: "signed_out", error: "You signed out in another tab." });
    if (isPatched) this.lastSync = new Date();
    const hasWork = news && this.queue.rows.some((row) => row.queued);
    if (this.isOpen && hasWork) this.pushLane.request();
  }

  async #round(lane, work) {
    if (this.isDenied) return { ok: false, halt: true };
    // The `online` event begins it again, or a probe; other tries would fail one by one.
    const isPaused = this.reach.isSaidOffline && performance.now() > this.#probeUntil[lane];
    if (isPaused) return { ok: false, halt: true };
    const outcome = await work(this).catch((error) => this.#broken(error));
    if (outcome.ok) this.reach.setProblem(lane, null);
    else if (outcome.problem) this.reach.setProblem(lane, outcome.problem);
    this.#hooks.told();
    return outcome;
  }

  /** A round that throws has met storage that fails, a full disk most of all. It is retried. */
  #broken(error) {
    console.warn("mizu: a round failed and will be tried again:", error);
    const text = `This browser could not keep what came: ${error}`;
    return { ok: false, problem: { code: "not_kept", error: text } };
  }
}
