// What was seen last of the way to the server, for all scopes of a page: the browser's own opinion,
// the live connection, the last request. Only an HTTP answer proves that sync works; only silence or
// a failure proves that it does not. What the browser says (`navigator.onLine`) is a hint: it is false
// behind some VPNs and virtual adapters although everything works. An answer that came although it is
// false wins, until a request fails or the browser says it again.

export class Link {
  /** "unknown" before the first request, then "answers" or "silent": what came of the last one. */
  #http = "unknown";
  #live = "closed";
  #isHintWrong = false;

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

  /** True before the first request was answered, or was not. */
  get isUnknown() {
    return this.#http === "unknown";
  }

  /** True if nothing can be sent, as far as anybody can tell. */
  get isDown() {
    return this.isSaidOffline || this.isSilent || this.#live === "silent";
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
}
