// One WebSocket to /ws, kept for as long as the page lives. Live delivery makes sync fast and is
// never the truth: this knows topics and messages, and nothing of records or cursors.
//
//   idle ──connect──► connecting ──opened──► open ◄──heard── silent
//                        ▲   │                 │ └──no pong──►┘ │
//                        │   └──failed/closed──┴────────────────┘ (dropped)
//                        └──timer, online── waiting ◄──┘          any ──close()──► closed
//
//   open      something was heard lately        silent   a ping is overdue; the socket may be dead
//   waiting   the next try has its time: a random part of 1 s, 2 s … 10 s, or what `drain` said
//
// Never gives up. A page that is looked at must know within 3 s that its server is gone, so it
// pings when 1.4 s were quiet and counts 1.2 s more as silence; a hidden page lets the server's own
// sign of life (every 25 s) do, and asks only after a minute.

import { backOffMs } from "./back-off.js";

const visible = { quietMs: 1400, graceMs: 1200 };
const hidden = { quietMs: 60_000, graceMs: 10_000 };
const dropAfterMs = 5000; // of silence: a new connection is likelier to work than this one
const connectTimeoutMs = 6000;
const defyEachMs = 10_000; // `navigator.onLine` is a hint; false may be wrong
const openState = 1; // WebSocket.OPEN, also if WebSocket itself is missing

export class LiveClient {
  #url;
  #onMessage;
  #onStatus;
  #socket = null;
  #status = "idle";
  #topics = new Map();
  #lastRef = 0;
  #attempt = 0;
  #retryTimer = 0;
  #heartTimer = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #drainUntil = 0;
  /** When a connection was last tried although the browser said that it is offline. */
  #defiedAt = -defyEachMs;
  #closing = null;

  /**
   * @param {string} url ws: or wss:; by default /ws where the page came from
   * @param {(message: object) => void} onMessage gets every message but pongs
   * @param {(status: string) => void} onStatus gets idle, connecting, open, silent, waiting, closed
   */
  constructor({ url = pageURL(), onMessage = () => {}, onStatus = () => {} } = {}) {
    this.#url = url;
    this.#onMessage = onMessage;
    this.#onStatus = onStatus;
  }

  get status() {
    return this.#status;
  }

  /** Connects, and stays connected until `close`. */
  connect() {
    if (this.#closing) return;
    this.#closing = new AbortController();
    const { signal } = this.#closing;
    addEventListener("online", () => this.#open(), { signal });
    addEventListener("offline", () => this.#drop(), { signal });
    document.addEventListener("visibilitychange", () => this.#looked(), { signal });
    this.#open();
  }

  /**
   * Subscribes now and after each reconnect; a second call for a topic replaces the first.
   * @param {string} topic for instance "sync:_default"
   * @param {object|function} position {cursor, epoch}, or what returns it at that time; without one
   *   there are pokes and no deltas. For a topic of the app: {presence: true} to be shown there
   */
  subscribe(topic, position = null) {
    this.#topics.set(topic, position);
    if (this.#isUsable) this.#sendSubscribe(topic);
  }

  unsubscribe(topic) {
    if (this.#topics.delete(topic) && this.#isUsable) this.send({ type: "unsubscribe", topic });
  }

  /**
   * Sends one message with a fresh `ref`, if the socket is open.
   * @returns {string|null} the ref, or null if nothing was sent
   */
  send(message) {
    if (!this.#isUsable) return null;
    const ref = String(++this.#lastRef);
    this.#socket.send(JSON.stringify({ ...message, ref }));
    return ref;
  }

  /** Ends the connection for good. */
  close() {
    this.#closing?.abort();
    clearTimeout(this.#retryTimer);
    this.#release(1000);
    this.#become("closed");
  }

  /** Something proves that there is a network, whatever the browser says. */
  wake() {
    this.#defiedAt = -defyEachMs;
    if (this.#status === "waiting" && this.#drainUntil <= performance.now()) this.#open();
  }

  get #isUsable() {
    return this.#socket?.readyState === openState;
  }

  #open() {
    // A socket that still works keeps its timer too: the one that a drain has set.
    if (this.#status === "closed" || this.#isUsable) return;
    clearTimeout(this.#retryTimer);
    this.#release();
    if (navigator.onLine === false) {
      if (performance.now() < this.#defiedAt + defyEachMs) {
        // Most likely nothing to connect over. The `online` event comes back here at once.
        this.#become("waiting");
        this.#retry();
        return;
      }
      this.#defiedAt = performance.now();
    }
    this.#drainUntil = 0;
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch (error) {
      console.warn("mizu: no live connection:", error);
      this.#retry();
      return;
    }
    this.#socket = socket;
    this.#become("connecting");
    this.#heartTimer = setTimeout(() => this.#drop(), connectTimeoutMs);
    // Handlers of a socket that was let go must not touch the one that came after it.
    const ours = (act) => (event) => { if (this.#socket === socket) act(event); };
    socket.onopen = ours(() => this.#opened());
    socket.onmessage = ours(({ data }) => this.#heard(data));
    socket.onclose = ours(() => this.#drop());
  }

  #opened() {
    this.#heardAt = performance.now();
    this.#pingedAt = 0;
    for (const topic of this.#topics.keys()) this.#sendSubscribe(topic);
    this.#become("open");
    this.#beat();
  }

  #heard(data) {
    this.#heardAt = performance.now();
    this.#pingedAt = 0;
    if (this.#status === "silent") this.#become("open");
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours to understand; a later protocol may have binary messages
    }
    if (message === null || typeof message !== "object") return;
    // An open port proves nothing, a message does; not one that says why the socket will be closed.
    const isOver = message.type === "error" && message.ref === undefined && !message.topic;
    if (!isOver) this.#attempt = 0;
    if (message.type === "pong") return;
    if (message.type === "drain") this.#drain(message.payload);
    // Without a ref the subscription is over: do not make it again by ourselves on this socket.
    this.#onMessage(message);
  }

  /** This server goes: reconnect after what it asks for plus a random part of the spread. */
  #drain(payload) {
    const { retry_after_ms: after, spread_ms: spread } = payload ?? {};
    const known = (value, fallback) => Number.isFinite(value) && value >= 0 ? value : fallback;
    const delay = known(after, 500) + Math.random() * known(spread, 5000);
    this.#drainUntil = performance.now() + delay;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#release();
      this.#open();
    }, delay);
  }

  /** Lets go of the socket and sets the time of the next try. */
  #drop() {
    this.#release();
    if (this.#status === "closed") return;
    this.#become("waiting");
    if (this.#drainUntil > performance.now()) return; // its timer runs
    this.#retry();
  }

  #retry() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#open(), backOffMs(this.#attempt++));
  }

  #release(code) {
    clearTimeout(this.#heartTimer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code);
    } catch { /* it was never open */ }
  }

  /** Pings when it was quiet, and counts what follows as silence. */
  #beat() {
    clearTimeout(this.#heartTimer);
    if (!this.#isUsable) return;
    const { quietMs, graceMs } = document.visibilityState === "visible" ? visible : hidden;
    const now = performance.now();
    if (this.#pingedAt === 0) {
      const left = this.#heardAt + quietMs - now;
      if (left <= 0) {
        this.#ping();
        this.#heartTimer = setTimeout(() => this.#beat(), graceMs);
      } else {
        this.#heartTimer = setTimeout(() => this.#beat(), left);
      }
      return;
    }
    const overdue = now - this.#pingedAt;
    if (overdue >= graceMs + dropAfterMs) {
      this.#drop();
      return;
    }
    // A few milliseconds of tolerance: timers may fire early.
    if (overdue >= graceMs - 5 && this.#status === "open") this.#become("silent");
    this.#heartTimer = setTimeout(() => this.#beat(), Math.max(100, graceMs - overdue));
  }

  #ping() {
    this.#pingedAt = performance.now();
    this.send({ type: "ping" });
  }

  /** A page that is looked at again asks at once whether its socket still lives. */
  #looked() {
    if (document.visibilityState !== "visible") return;
    if (this.#isUsable) {
      if (this.#pingedAt === 0) this.#ping();
      this.#beat();
    } else if (this.#status === "waiting" && this.#drainUntil <= performance.now()) {
      this.#open();
    }
  }

  #sendSubscribe(topic) {
    const source = this.#topics.get(topic);
    const position = typeof source === "function" ? source() : source;
    this.send({ type: "subscribe", topic, ...(position ?? {}) });
  }

  #become(status) {
    if (this.#status === status) return;
    this.#status = status;
    this.#onStatus(status);
  }
}

const pageURL = () => new URL("/ws", location.href).href.replace(/^http/, "ws");
