// The inside of a SyncClient: its two lanes (sync-machine.js) over what this device holds (replica.js);
// verdict.js says what a refusal means for the whole client. The parts below it know nothing of it:
// they get what they need, and return what came of it.

import { Exchange } from "./exchange.js";
import { Lanes } from "./lanes.js";
import { LocalStore } from "./local-store.js";
import { Reachability } from "./reachability.js";
import { isSame, Replica } from "./replica.js";
import { BatchSize, pullRound, pushRound } from "./rounds.js";
import { forgetState } from "./set-aside.js";
import { snapshot } from "./snapshot.js";
import { Spread } from "./spread.js";
import { StateCheck } from "./state-check.js";
import { turnTaker } from "./turn.js";
import { Verdict } from "./verdict.js";

const catchUpMs = 1500; // how long a delta may take after a result before we pull
const noteContactMs = 600_000; // how old the stored time of the last contact may be
const probeMs = 1000; // how long rounds are tried although the browser says that it is offline

export class SyncCore {
  replica;
  reach;
  lastSync = null;
  #session;
  #scope;
  #hooks;
  #exchange;
  #size = new BatchSize();
  /** Keeps clients apart that all have to take a snapshot. */
  #spread = new Spread();
  #check = new StateCheck(() => this.ask("pull"));
  #pushTurn;
  #snapshotTurn;
  #lanes = new Lanes({
    push: () => this.#round("push", () => this.#push()),
    pull: () => this.#round("pull", () => this.#pull()),
  });
  #probeUntil = { push: 0, pull: 0 };
  #pauses = new Set();

  #verdict;

  /**
   * @param {string} name of the storage
   * @param {Session} session what the scopes of a page share
   * @param {object} hooks `changed()` after records or queue, `told()` after the status alone,
   *   `arriving(changes)` before these reach the records, `replaced()` after a snapshot, `forgot()`
   *   when nothing of the state may be shown any more, `denied()` with the scope, `lost(reason, edits)`
   *   once it is gone from this device, `refused(reason, edits)` after edits were put aside alone
   */
  constructor(name, scope, session, hooks) {
    this.#scope = scope;
    this.#session = session;
    this.#hooks = hooks;
    this.reach = new Reachability(session.link);
    this.replica = new Replica(name, {
      changed: hooks.changed,
      arriving: hooks.arriving,
      read: (state) => this.#read(state),
      heard: (message) => this.#heard(message),
      reread: () => this.#reread(),
      forgot: hooks.forgot,
    });
    this.#verdict = new Verdict(this.replica, session, {
      isDenied: () => this.isDenied,
      halt: (reason) => this.halt(reason),
      ask: (lane) => this.ask(lane),
      lost: hooks.lost,
      refused: hooks.refused,
    });
    const { storage } = this.replica;
    this.#pushTurn = turnTaker(`${name}:push`, storage);
    this.#snapshotTurn = turnTaker(`${name}:snapshot`, storage);
    this.#exchange = new Exchange(session.baseURL, session.gate, (kind) => session.exchanged(kind));
  }

  /** See sync-machine.js. */
  get phase() {
    return this.#lanes.phase;
  }

  /** True while the scope may not be used. */
  get isDenied() {
    return this.phase === "denied" || this.phase === "deniedEarly";
  }

  /** True once storage is open, and while nothing forbids to sync. */
  get isOpen() {
    return this.phase === "open" || this.phase === "resetting";
  }

  /** Opens the storage, shows what it holds and begins to sync. */
  async open() {
    const { replica } = this;
    await replica.open();
    this.lastSync = (await replica.storage.read((tx) => tx.get("meta", "syncedAt"))) ?? null;
    this.#lanes.send("opened");
    this.probe(["pull"]);
    this.#hooks.told();
    this.ask("push");
    this.ask("pull");
  }

  close() {
    this.#lanes.send("closed");
    this.#check.close();
    this.replica.close();
    for (const end of this.#pauses) end();
    this.#exchange.abort();
  }

  /** Asks for a round of a lane, in its time. */
  ask(lane) {
    this.#lanes.ask(lane);
  }

  /** Ends the back-off: what this client has failed at works again. */
  hasten() {
    this.#lanes.hasten();
  }

  /** Runs a round of a lane at once; resolves to whether it succeeded. */
  async now(lane) {
    return (await this.#lanes.now(lane)).ok;
  }

  /** Pushes and pulls at once; requests older than `ageMs` are given up and made again. */
  syncNow(ageMs) {
    if (this.isDenied) return;
    this.#exchange.abort(ageMs);
    this.now("push");
    this.now("pull");
  }

  /**
   * Applies changes and ends the replay of what they confirm, in one transaction.
   * @param {object} page see LocalStore.apply
   * @param {boolean} isHead nothing is known to come after them
   * @param {string[]} compared ids of settled mutations that the page, if it is the head, decides
   */
  async apply(page, isHead, compared = []) {
    const now = new Date();
    const applied = await this.replica.change(async (tx) => {
      if (this.isDenied) return { moved: false, gap: false };
      const outcome = await LocalStore.apply(tx, page);
      if (outcome.gap) return outcome;
      const changes = outcome.patch?.changes ?? [];
      const decided = isHead ? compared : [];
      const position = await tx.get("meta", "position");
      await this.replica.queue.observe(tx, changes, position, decided);
      if (isHead) await tx.put("meta", "syncedAt", now);
      return outcome;
    });
    if (isHead && !applied.gap) this.lastSync = now;
    return applied;
  }

  /** Takes the server's checksum of a position, if it sent one; see state-check.js. */
  async compare(position, told) {
    const { store, storage } = this.replica;
    if (typeof told !== "string" || !isSame(store.position, position)) return;
    const { checksum, id } = store;
    this.#check.compare(checksum, told, id);
    if (!this.#check.isRecountDue) return;
    const beganAt = performance.now();
    this.#check.recounted(beganAt);
    const stored = await storage.read((tx) => LocalStore.read(tx));
    this.#check.recounted(beganAt);
    if (stored.isDamaged) this.#check.differs(stored.id);
  }

  /** The server says that it is where the state is. */
  heardOfHead() {
    const now = new Date();
    const isDue = !this.lastSync || now - this.lastSync > noteContactMs;
    this.lastSync = now;
    if (isDue) this.replica.storage.write((tx) => tx.put("meta", "syncedAt", now)).catch(() => {});
    this.#hooks.told();
  }

  /** Stops the scope for good: see Verdict.deny. */
  deny(refusal) {
    return this.#verdict.deny(refusal);
  }

  /** After edits were stored: sends them; those of a scope that is gone go where the others went. */
  async stored() {
    if (this.isDenied) await this.#verdict.storedLate(this.reach.problemOf("scope"));
    else this.ask("push");
  }

  /** Stops the scope and says why. */
  halt({ code, error }) {
    this.#lanes.send("denied");
    this.reach.setProblem("scope", { code, error });
    this.#hooks.denied();
  }

  /** Takes the scope up again, for instance after signing in. */
  allow() {
    this.#lanes.send("allowed");
    this.reach.setProblem("scope", null);
  }

  /**
   * Lets the next rounds of `lanes` try although the browser says that it is offline: it is wrong on
   * some machines, and always if the server runs on this very one.
   */
  probe(lanes = ["push", "pull"]) {
    for (const lane of lanes) this.#probeUntil[lane] = performance.now() + probeMs;
  }

  // What other parts report

  #read({ id, isDamaged }) {
    this.#check.recounted(performance.now());
    if (isDamaged) this.#check.differs(id);
  }

  #reread() {
    const { queue, store } = this.replica;
    if (queue.rows.some((row) => row.queued)) this.ask("push");
    if (!store.position) this.ask("pull");
  }

  #heard({ isPatched, news, signedOut, lost }) {
    if (signedOut) this.halt({ code: "signed_out", error: "You signed out in another tab." });
    if (lost && !this.isDenied) {
      this.halt(lost.reason);
      this.#hooks.lost(lost.reason, lost.edits);
    }
    if (isPatched) this.lastSync = new Date();
    if (news && this.replica.queue.rows.some((row) => row.queued)) this.ask("push");
  }

  /** After the results of a push: sees to it that the state catches up with them. */
  #settled({ behind, pull }) {
    if (pull || (behind && !this.reach.isLiveOpen)) {
      this.ask("pull");
    } else if (behind) {
      setTimeout(() => {
        if (this.replica.queue.rows.some((row) => row.result)) this.ask("pull");
      }, catchUpMs);
    }
  }

  // Rounds

  async #round(lane, work) {
    // The `online` event begins it again, or a probe; other tries would fail one by one.
    const isPaused = this.reach.isSaidOffline && performance.now() > this.#probeUntil[lane];
    if (isPaused) return { ok: false, halt: true };
    const outcome = await work().then((result) => this.#verdict.on(result))
      .catch((error) => this.#verdict.onBroken(error));
    if (outcome.ok) this.reach.setProblem(lane, null);
    else if (outcome.problem) this.reach.setProblem(lane, outcome.problem);
    if (outcome.ok && lane === "pull") this.#verdict.mayRead();
    this.#hooks.told();
    return outcome;
  }

  async #push() {
    const { replica } = this;
    const parts = {
      replica, exchange: this.#exchange, scope: this.#scope, user: this.#session.claim,
      size: this.#size,
      settled: (results) => this.#settled(results),
    };
    const result = await this.#pushTurn((signal) => pushRound(parts, signal));
    if (result.ok) this.reach.setProblem("push", null); // also if a reset has pushed
    return result;
  }

  async #pull() {
    const result = await pullRound({
      replica: this.replica, exchange: this.#exchange, scope: this.#scope, check: this.#check,
      apply: (page, isHead, compared) => this.apply(page, isHead, compared),
      answered: () => this.#spread.reset(),
      arrived: (position, checksum) => this.compare(position, checksum),
    });
    if (result.need === "snapshot") return this.#snapshot(result.isStale);
    return result.need === "reset" ? this.#reset(result.isStale) : result;
  }

  /** After a 410: the queue first, then, after a random wait, the snapshot. */
  async #reset(isStale) {
    this.#lanes.send("reset");
    try {
      const pushed = await this.#push();
      if (!pushed.ok) return pushed;
      await this.#pause(this.#spread.next());
      return await this.#snapshot(isStale);
    } finally {
      this.#lanes.send("ended");
    }
  }

  /**
   * Takes a snapshot unless another tab has, while this one waited for its turn: `isStale` says of
   * {position, id} whether they are still what must be replaced. What the server no longer knows
   * in the middle is begun again after a random wait.
   */
  async #snapshot(isStale) {
    const { storage } = this.replica;
    const parts = { replica: this.replica, exchange: this.#exchange, scope: this.#scope };
    while (this.isOpen) {
      const taken = await this.#snapshotTurn(async () => {
        const here = await storage.read((tx) => LocalStore.whereabouts(tx));
        return here.position && !isStale(here) ? { ok: true } : snapshot(parts);
      });
      if (taken.ok) {
        this.#check.taken();
        await this.#replaced(!taken.reread);
        if (taken.position) await this.compare(taken.position, taken.checksum);
        return { ok: true };
      }
      if (!taken.startOver) return { ok: false, outcome: taken.refusal ?? { kind: "none" } };
      await this.#pause(this.#spread.next());
    }
    return { ok: false, halt: true };
  }

  /** After a snapshot was swapped in; `isOthers`: by another tab, so memory has not got it yet. */
  async #replaced(isOthers) {
    if (this.isDenied) return forgetState(this.replica); // denied while it was on the way
    this.lastSync = new Date();
    await this.replica.change(async (tx) => {
      await tx.put("meta", "syncedAt", this.lastSync);
      return { reread: isOthers };
    });
    this.#hooks.replaced();
  }

  /** Resolves after so many milliseconds, or when the client is closed. */
  #pause(milliseconds) {
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
}
