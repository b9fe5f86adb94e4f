// What the result of a round means for the whole client, by protocol.md's table of statuses: what is
// kept, what is deleted, what is put aside, and what the app is told. Knows what a round returns
// (rounds.js), and neither lanes nor requests.
//
//   403 to a pull, a snapshot or a subscription   the scope is lost: state deleted, queue put aside
//   403 to a push                                 queue put aside; a pull says whether the scope is lost
//   403 wrong_user                                queue put aside for its user, empty storage
//   401                                           credentials renewed; if nobody is signed in, state deleted
//   429, 5xx, no answer                           again, later; other refusals are bugs, and told

import { forgetState, loseScope, refuseQueue, setAside } from "./set-aside.js";

export class Verdict {
  #replica;
  #session;
  #actions;
  /** What was put aside because a push was denied, until a pull has said whether reading is, too. */
  #denied = null;

  /**
   * @param {object} actions `isDenied()`, `halt(reason)`, `ask(lane)`, `lost(reason, edits)` once the
   *   scope is gone from this device, `refused(reason, edits)` after its queue alone was put aside
   */
  constructor(replica, session, actions) {
    this.#replica = replica;
    this.#session = session;
    this.#actions = actions;
  }

  /** Takes what a round returned; resolves to what its lane and its status need to know of it. */
  async on({ ok, halt, retry, outcome, client }) {
    if (outcome) return this.#onRefusal(outcome, client);
    if (!retry) return { ok, halt };
    const error = "The server cannot take edits at the moment. They are kept here.";
    return { ok: false, problem: { code: retry, error } };
  }

  /** A round that throws has met storage that fails, a full disk most of all. It is retried. */
  onBroken(error) {
    console.warn("mizu: a round failed and will be tried again:", error);
    const text = `This browser could not keep what came: ${error}`;
    return { ok: false, problem: { code: "not_kept", error: text } };
  }

  /** Stops the scope: its state is deleted, its queue put aside, and the app is told why. */
  async deny({ code, error }) {
    const isNews = !this.#actions.isDenied();
    const reason = { code, error };
    this.#actions.halt(reason);
    this.#denied = null;
    const edits = await loseScope(this.#replica, reason);
    if (isNews) this.#actions.lost(reason, edits);
    return { ok: false, halt: true };
  }

  /** An edit was stored although the scope is gone: it goes where the others went, and is told. */
  async storedLate(reason) {
    if (reason?.code !== "scope_denied") return; // signed out: it waits for what its user says
    this.#actions.lost(reason, await loseScope(this.#replica, reason));
  }

  /** A pull was answered: the app is told of a queue that a push was denied for. */
  mayRead() {
    const denied = this.#denied;
    this.#denied = null;
    if (denied) this.#actions.refused(denied.reason, denied.edits);
  }

  /** `client` is the one whose push it was, if it was one. */
  async #onRefusal(outcome, client) {
    if (outcome.kind === "none") return { ok: false };
    const { status, code, error, retryAfterMs } = outcome;
    if (code === "scope_denied") return client ? this.#refuse({ code, error }) : this.deny(outcome);
    if (code === "wrong_user") {
      const problem = { code, error };
      if (await this.#session.isSomebodyElse()) return { ok: false, halt: true, problem };
      await setAside(this.#replica, client, { code, error });
      this.#actions.ask("pull");
    } else if (status === 401) {
      // Nobody is signed in any more: what they saw goes, what they typed waits for them.
      const isRefreshed = await this.#session.refresh();
      if (isRefreshed === false && this.#replica.store.position) await forgetState(this.#replica);
    } else if (status < 500 && status !== 429) {
      console.error(`mizu: ${code}: ${error}`); // a bug, here or there; the queue is kept
    }
    return { ok: false, retryAfterMs, problem: { code, error } };
  }

  async #refuse(reason) {
    const edits = await refuseQueue(this.#replica, reason);
    this.#denied = { reason, edits };
    this.#actions.ask("pull");
    return { ok: false, halt: true };
  }
}
