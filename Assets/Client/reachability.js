// What the status line of one scope says, worked out from the way to the server (link.js, which all
// scopes of a page share) and from the refusals of this scope that somebody must do something about.

export class Reachability {
  #link;
  /** The refusal that stands in the way, by lane: {code, error}. */
  #problems = new Map();

  /** @param {Link} link of the page */
  constructor(link) {
    this.#link = link;
  }

  get isLiveOpen() {
    return this.#link.isLiveOpen;
  }

  get isSaidOffline() {
    return this.#link.isSaidOffline;
  }

  get isSilent() {
    return this.#link.isSilent;
  }

  get problem() {
    return this.#problems.values().next().value ?? null;
  }

  /** Returns the problem of one lane, or undefined. */
  problemOf(lane) {
    return this.#problems.get(lane);
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
    if (this.#link.isDown) return "offline";
    if (this.problem) return "error";
    return isBusy || this.#link.isUnknown ? "syncing" : "online";
  }
}
