// What the status line says, worked out from what was seen last: the browser's own opinion, the
// live connection, the last request, and a refusal that somebody must do something about.
// Only an HTTP answer proves that sync works; only silence or a failure proves that it does not.
// What the browser says (`navigator.onLine`) is a hint: it is false behind some VPNs and virtual
// adapters although everything works. An answer that came although it is false wins, until a request
// fails or the browser says it again.

export class Reachability {
  /** "unknown" before the first request, then what came of the last one. */
  #http = "unknown";
  #live = "closed";
  #isHintWrong = false;
  /** The refusal that stands in the way, by lane: {code, error}. */
  #problems = new Map();

  get isLiveOpen() {
    return this.#live === "open";
  }

  /** True while the browser says that it is offline, and nothing has shown that it is wrong. */
  get isSaidOffline() {
    return navigator.onLine === false && !this.#isHintWrong;
  }

  /** True while the last request has brought no answer. */
  get isSilent() {
    return this.#http === "silent";
  }

  get problem() {
    return this.#problems.values().next().value ?? null;
  }

  /** Takes the outcome of an exchange; a slow one counts only if nothing else is heard. */
  exchanged(kind) {
    if (kind === "slow") {
      if (!this.isLiveOpen) this.#http = "silent";
    } else {
      this.#http = kind === "none" ? "silent" : "answers";
      this.#isHintWrong = navigator.onLine === false && kind !== "none";
    }
  }

  /** Takes the browser's word, its `offline` event. */
  saidOffline() {
    this.#isHintWrong = false;
  }

  /** Takes the live connection's status: "open", "silent", or another word for not connected. */
  liveChanged(status) {
    // Silence outlives its socket: what follows it is offline until something answers.
    if (status === "silent") this.#http = "silent";
    this.#live = status;
  }

  setProblem(lane, problem) {
    if (problem) this.#problems.set(lane, problem);
    else this.#problems.delete(lane);
  }

  /**
   * Returns the word for `data-state`.
   * @param {boolean} isBusy edits wait, or the state is being fetched for the first time
   */
  state(isBusy) {
    if (this.isSaidOffline || this.#http === "silent" || this.#live === "silent") {
      return "offline";
    }
    if (this.problem) return "error";
    return isBusy || this.#http === "unknown" ? "syncing" : "online";
  }
}
