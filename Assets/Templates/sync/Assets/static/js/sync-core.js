// The inside of a SyncClient: the storage and its copy in memory, the two lanes, and what each
// refusal means for the whole client. Every durable change goes through `change`: one storage
// transaction, then memory, then the other tabs, then the subscribers. Tabs of one browser share
// queue and state in IndexedDB; a BroadcastChannel tells them that something is new.

import { Exchange } from "./exchange.js";
import { Lane } from "./lane.js";
import { LocalStore, samePosition } from "./local-store.js";
import { MutationQueue, batchCountMax } from "./mutation-queue.js";
import { Reachability } from "./reachability.js";
import { pullRound, pushRound } from "./rounds.js";
import { denyScope, setAside } from "./set-aside.js";
import { openStorage } from "./storage.js";
import { turnTaker } from "./turn.js";

const catchUpMs = 1500; // how long a delta may take after a result before we pull
const hearMs = 100; // how long another tab's message may take before we look for ourselves
const probeMs = 1000; // how long rounds are tried although the browser says that it is offline

export class SyncCore {
  queue = new MutationQueue();
  store = new LocalStore();
  reach = new Reachability();
  storage = null;
  exchange;
  scope;
  isOpen = false;
  isDenied = false;
  isResetting = false;
  lastSync = null;
  /** How many mutations a push may carry: halved by a 413, doubled by a success. */
  batchMax = batchCountMax;
  pushTurn = null;
  snapshotTurn = null;
  pushLane = new Lane(() => this.#round("push", pushRound));
  pullLane = new Lane(() => this.#round("pull", pullRound));
  #channel = null;
  #hooks;
  #probeUntil = 0;
  #rereadTimer = null;

  /**
   * @param {object} hooks `changed()` after records or queue, `told()` after the status alone,
   *   `replaced()` after a snapshot, `denied()` with the scope, `refreshCredentials()` after a 401
   */
  constructor(baseURL, scope, hooks) {
    this.scope = scope;
    this.#hooks = hooks;
    this.exchange = new Exchange(baseURL, (kind) => {
      this.reach.exchanged(kind);
      hooks.told();
    });
  }

  /** Opens the storage called `name`, shows what it holds and begins to sync. */
  async open(name) {
    ({ storage: this.storage } = await openStorage(name));
    this.pushTurn = turnTaker(`${name}:push`, this.storage);
    this.snapshotTurn = turnTaker(`${name}:snapshot`, this.storage);
    if (this.storage.kind === "indexeddb" && typeof BroadcastChannel === "function") {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = ({ data }) => this.#heard(data);
    }
    await this.reread();
    this.lastSync = (await this.storage.read((tx) => tx.get("meta", "syncedAt"))) ?? null;
    this.isOpen = true;
    this.#hooks.told();
    this.pushLane.request();
    this.pullLane.request();
  }

  close() {
    this.pushLane.close();
    this.pullLane.close();
    clearTimeout(this.#rereadTimer);
    this.exchange.abort();
    this.#channel?.close();
  }

  /** Pushes and pulls at once; requests older than `ageMs` are given up and made anew. */
  async syncNow(ageMs) {
    if (this.isDenied) return;
    this.exchange.abort(ageMs);
    this.pushLane.now();
    this.pullLane.now();
  }

  /**
   * Runs `work(tx)` as one durable transaction and returns its result. Of the result, `patch` and
   * `reread` say how the records have moved, and `saved` which rows are in storage now.
   */
  async change(work) {
    const { queue, store } = this;
    const { result, rows, state, position } = await this.storage.write(async (tx) => {
      const result = await work(tx);
      const state = result?.reread ? await LocalStore.read(tx) : null;
      const position = await tx.get("meta", "position");
      return { result, rows: await tx.all("mutations"), state, position };
    });
    const before = digest(queue.rows);
    if (result?.saved) queue.forgetUnsaved(result.saved);
    queue.show(rows);
    if (state) store.show(state);
    const isBehind = result?.patch && !store.patch(result.patch);
    const patch = result?.patch ?? null;
    // New rows are told whatever memory shows: a reread may have met them before we came here.
    const isNews = patch || state || result?.saved || digest(rows) !== before;
    if (isNews) this.#channel?.postMessage({ patch });
    this.#hooks.changed();
    if (isBehind) await this.reread();
    else if (!isSame(store.position, position)) this.#rereadSoon();
    return result;
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

  /** After a snapshot was swapped in, by this tab or another. */
  async replaced() {
    if (this.isDenied) return denyScope(this); // denied while it was on the way
    this.lastSync = new Date();
    await this.change(async (tx) => {
      await tx.put("meta", "syncedAt", this.lastSync);
      return { reread: true };
    });
    this.#hooks.replaced();
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
      await this.#hooks.refreshCredentials();
    } else if (status < 500 && status !== 429) {
      console.error(`mizu: ${code}: ${error}`); // a bug, here or there; the queue is kept
    }
    return { ok: false, retryAfterMs, problem: { code, error } };
  }

  /** Stops the scope: its state is deleted, its queue kept aside, the user told. */
  async deny({ code, error }) {
    this.isDenied = true;
    this.reach.setProblem("scope", { code, error });
    this.#hooks.denied();
    await denyScope(this);
    return { ok: false, halt: true };
  }

  /** Takes the scope up again, for instance after signing in. */
  allow() {
    this.isDenied = false;
    this.reach.setProblem("scope", null);
  }

  /**
   * Lets the next rounds try although `navigator.onLine` is false: it is wrong on some machines,
   * and always where the server runs on this very one.
   */
  probe() {
    this.#probeUntil = performance.now() + probeMs;
  }

  pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** Reads the queue anew, and the records where memory is not at storage's position. */
  async reread() {
    const { queue, store } = this;
    const { rows, state } = await this.storage.read(async (tx) => ({
      rows: await tx.all("mutations"),
      state: isSame(await tx.get("meta", "position"), store.position)
        ? null : await LocalStore.read(tx),
    }));
    queue.show(rows);
    if (state) store.show(state);
    this.#hooks.changed();
    if (this.isOpen && rows.some((row) => row.queued)) this.pushLane.request();
  }

  /** Another tab has moved storage; its message is on the way, where there are channels. */
  #rereadSoon() {
    this.#rereadTimer ??= setTimeout(() => {
      this.#rereadTimer = null;
      this.reread().catch((error) => this.#broken(error));
    }, hearMs);
  }

  async #round(lane, work) {
    if (this.isDenied) return { ok: false, halt: true };
    // The `online` event begins it again; tries before it would fail one by one.
    const isPaused = navigator.onLine === false && performance.now() > this.#probeUntil;
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

  #heard({ patch }) {
    if (patch && this.store.patch(patch)) this.lastSync = new Date();
    this.reread().catch((error) => this.#broken(error)); // the next change reads it again
  }
}

function isSame(one, other) {
  return one && other ? samePosition(one, other) : !one && !other;
}

/** What other tabs would see of the queue, in short. */
function digest(rows) {
  const shown = (row) => [row.seq, row.queued, row.replayed, row.refusal !== null].join();
  return rows.map(shown).join(";");
}
