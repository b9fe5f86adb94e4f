// Joined by CShims/join.sh from the modules named below, without comments: do not edit.

// ── durable-storage.js

const askedKey = "mizu-asked-to-persist";

async function askToPersist() {
  try {
    if (!navigator.storage?.persist) return false;
    if (await navigator.storage.persisted()) return true;
    if (localStorage.getItem(askedKey)) return false;
    localStorage.setItem(askedKey, "yes");
    return await navigator.storage.persist();
  } catch {
    return false; // no storage at all: there is nothing to keep
  }
}

// ── back-off.js

const firstWaitMs = 1000;
const capWaitMs = 10_000; // the protocol says 30 s; who looks at a page is less patient
const retryAfterCapMs = 3_600_000; // a date by another clock may be years ahead

function backOffMs(attempt, random = Math.random) {
  const bound = Math.min(capWaitMs, firstWaitMs * 2 ** Math.min(attempt, 16));
  return random() * bound;
}

function waitMs(attempt, retryAfterMs, random = Math.random) {
  const asked = Math.min(retryAfterMs ?? 0, retryAfterCapMs) * (1 + random());
  return Math.max(asked, backOffMs(attempt, random));
}

// ── live-client.js

const visible = { quietMs: 1400, graceMs: 1200 };
const hidden = { quietMs: 60_000, graceMs: 10_000 };
const dropAfterMs = 5000; // of silence: a new connection is likelier to work than this one
const connectTimeoutMs = 6000;
const defyEachMs = 10_000; // `navigator.onLine` is a hint; false may be wrong
const openState = 1; // WebSocket.OPEN, also if WebSocket itself is missing

class LiveClient {
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
  #defiedAt = -defyEachMs;
  #closing = null;

  constructor({ url = pageURL(), onMessage = () => {}, onStatus = () => {} } = {}) {
    this.#url = url;
    this.#onMessage = onMessage;
    this.#onStatus = onStatus;
  }

  get status() {
    return this.#status;
  }

  connect() {
    if (this.#closing) return;
    this.#closing = new AbortController();
    const { signal } = this.#closing;
    addEventListener("online", () => this.#open(), { signal });
    addEventListener("offline", () => this.#drop(), { signal });
    document.addEventListener("visibilitychange", () => this.#looked(), { signal });
    this.#open();
  }

  subscribe(topic, position = null) {
    this.#topics.set(topic, position);
    if (this.#isUsable) this.#sendSubscribe(topic);
  }

  unsubscribe(topic) {
    if (this.#topics.delete(topic) && this.#isUsable) this.send({ type: "unsubscribe", topic });
  }

  send(message) {
    if (!this.#isUsable) return null;
    const ref = String(++this.#lastRef);
    this.#socket.send(JSON.stringify({ ...message, ref }));
    return ref;
  }

  close() {
    this.#closing?.abort();
    clearTimeout(this.#retryTimer);
    this.#release(1000);
    this.#become("closed");
  }

  wake() {
    this.#defiedAt = -defyEachMs;
    if (this.#status === "waiting" && this.#drainUntil <= performance.now()) this.#open();
  }

  get #isUsable() {
    return this.#socket?.readyState === openState;
  }

  #open() {
    if (this.#status === "closed" || this.#isUsable) return;
    clearTimeout(this.#retryTimer);
    this.#release();
    if (navigator.onLine === false) {
      if (performance.now() < this.#defiedAt + defyEachMs) {
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
    const isOver = message.type === "error" && message.ref === undefined && !message.topic;
    if (!isOver) this.#attempt = 0;
    if (message.type === "pong") return;
    if (message.type === "drain") this.#drain(message.payload);
    this.#onMessage(message);
  }

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
    if (overdue >= graceMs - 5 && this.#status === "open") this.#become("silent");
    this.#heartTimer = setTimeout(() => this.#beat(), Math.max(100, graceMs - overdue));
  }

  #ping() {
    this.#pingedAt = performance.now();
    this.send({ type: "ping" });
  }

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

// ── frame.js

const hiddenMs = 250; // a page that nobody sees gets no frames, and its counts still hold

function oncePerFrame(render) {
  let isDue = false;
  let timer = 0;
  let frame = 0;
  const run = () => {
    isDue = false;
    timer = setTimeout(passed, hiddenMs);
    frame = requestAnimationFrame(passed);
    render();
  };
  const passed = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    timer = frame = 0;
    if (isDue) run();
  };
  return () => {
    if (timer === 0) run();
    else isDue = true;
  };
}

// ── random-id.js

function randomID() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID().replaceAll("-", "");
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

let lastOrdered = { time: 0, count: 0 };

function orderedID() {
  const time = Math.max(Date.now(), lastOrdered.time);
  lastOrdered = { time, count: time === lastOrdered.time ? lastOrdered.count + 1 : 0 };
  const digits = (number, length) => number.toString(16).padStart(length, "0");
  return digits(time, 12) + digits(lastOrdered.count & 0xffff, 4) + randomID().slice(16);
}

// ── edit-saver.js

class EditSaver {
  problem = null;
  #replica;
  #ready;
  #hooks;
  #saves = new Map();
  #failures = new Map();
  #rows = [];
  #saving = null;

  constructor(replica, ready, hooks) {
    this.#replica = replica;
    this.#ready = ready;
    this.#hooks = hooks;
  }

  save(row) {
    this.#replica.journal.write(row);
    this.#rows.push(row);
    this.#saving ??= this.#saveAll();
    const saving = this.#saving;
    this.#saves.set(row.id, saving);
    saving.catch(() => {}).finally(() => this.#saves.delete(row.id));
  }

  async saved(id) {
    await this.#saves.get(id);
    if (this.#failures.has(id)) throw this.#failures.get(id);
  }

  async #saveAll() {
    await this.#ready;
    const rows = this.#rows;
    this.#rows = [];
    this.#saving = null;
    try {
      await this.#replica.append(rows);
    } catch (error) {
      this.#giveUp(rows, error);
      throw error;
    }
    this.problem = null;
    this.#hooks.stored();
  }

  #giveUp(rows, error) {
    this.#replica.queue.forgetUnsaved(rows);
    this.#replica.journal.remove(rows);
    for (const { id } of rows) this.#failures.set(id, error);
    const text = `This browser could not keep an edit: ${error}`;
    this.problem = { code: "not_saved", error: text };
    this.#hooks.givenUp();
  }
}

// ── exchange.js

const slowMs = 2500; // a request without an answer for so long makes the status line say offline

class Exchange {
  #baseURL;
  #gate;
  #onOutcome;
  #flights = new Set();

  constructor(baseURL, gate, onOutcome) {
    this.#baseURL = baseURL.replace(/\/+$/, "");
    this.#gate = gate;
    this.#onOutcome = onOutcome;
  }

  async post(path, json, isWellFormed, timeoutMs) {
    const controller = new AbortController();
    const flight = { controller, since: performance.now(), isGivenUp: false };
    this.#flights.add(flight);
    try {
      const instead = await this.#gate.enter(controller.signal);
      if (instead) return instead;
      const outcome = await this.#timed(path, json, isWellFormed, timeoutMs, controller);
      this.#gate.leave(flight.isGivenUp ? null : outcome);
      return outcome;
    } finally {
      this.#flights.delete(flight);
    }
  }

  async #timed(path, json, isWellFormed, timeoutMs, controller) {
    const slow = setTimeout(() => this.#onOutcome("slow"), slowMs);
    const deadline = setTimeout(() => controller.abort(), timeoutMs);
    try {
      const outcome = await this.#send(path, json, isWellFormed, controller.signal);
      this.#onOutcome(outcome.kind);
      return outcome;
    } catch (error) {
      this.#onOutcome("none");
      return { kind: "none", reason: String(error?.message ?? error) };
    } finally {
      clearTimeout(slow);
      clearTimeout(deadline);
    }
  }

  abort(ageMs = 0) {
    const now = performance.now();
    for (const flight of this.#flights) {
      if (now - flight.since < ageMs) continue;
      flight.isGivenUp = true;
      flight.controller.abort();
    }
  }

  async #send(path, json, isWellFormed, signal) {
    const response = await fetch(this.#baseURL + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: json,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error", // this protocol never redirects; captive portals do
      signal,
    });
    const body = parseObject(await response.text());
    if (response.status === 200) {
      if (body && isWellFormed(body)) return { kind: "answer", body };
      return { kind: "none", reason: "the answer is not this protocol's" };
    }
    if (body && typeof body.code === "string") {
      return {
        kind: "refusal",
        status: response.status,
        code: body.code,
        error: typeof body.error === "string" ? body.error : body.code,
        retryAfterMs: retryAfterMs(response.headers.get("Retry-After")),
      };
    }
    return { kind: "none", reason: `status ${response.status} without a code` };
  }
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function retryAfterMs(text) {
  if (text === null) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - Date.now());
}

const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const isPosition = (value) =>
  isObject(value) && isNumber(value.cursor) && typeof value.epoch === "string";

const isChange = (value) =>
  isObject(value) && isNumber(value.cursor) && typeof value.entity === "string" &&
  typeof value.id === "string" && typeof value.op === "string" &&
  (value.op === "delete" || isObject(value.data));

const isPullAnswer = (body) =>
  Array.isArray(body.changes) && body.changes.every(isChange) &&
  isNumber(body.next_cursor) && typeof body.epoch === "string";

const isSnapshotAnswer = (body) =>
  isPosition(body) && Array.isArray(body.records) &&
  body.records.every((one) => isObject(one) && typeof one.entity === "string" &&
    typeof one.id === "string" && isObject(one.data)) &&
  (body.has_more !== true || body.next !== undefined);

const isPushAnswer = (body) =>
  Array.isArray(body.results) &&
  body.results.every((one) => isObject(one) && typeof one.id === "string" &&
    (one.ok === true ? isPosition(one) : one.ok === false && typeof one.code === "string"));

// ── checksum.js

const encoder = new TextEncoder();
const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

const rotated = (value, bits) => (value << bits) | (value >>> (32 - bits));
const mixed = (word) => Math.imul(rotated(Math.imul(word, c1), 15), c2);

function murmur3(bytes, seed) {
  const tail = bytes.length & ~3;
  let hash = seed | 0;
  for (let at = 0; at < tail; at += 4) {
    const word = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    hash = Math.imul(rotated(hash ^ mixed(word), 13), 5) + 0xe6546b64 | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= tail; at -= 1) rest = rest << 8 | bytes[at];
  if (bytes.length > tail) hash ^= mixed(rest);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

const emptySum = { high: 0, low: 0 };

function moved(sum, record, sign) {
  if (!sum || !Number.isSafeInteger(record.version)) return null;
  const bytes = encoder.encode(`${record.entity}\0${record.id}\0${record.version}`);
  return {
    high: sum.high + sign * murmur3(bytes, 0) >>> 0,
    low: sum.low + sign * murmur3(bytes, 1) >>> 0,
  };
}

function sumOf(records) {
  let sum = emptySum;
  for (const record of records) sum = moved(sum, record, 1);
  return sum;
}

const checksum = (sum) => sum && digits(sum.high) + digits(sum.low);

const digits = (number) => number.toString(16).padStart(8, "0");

// ── local-store.js

const recordKey = (entity, id) => JSON.stringify([entity, id]);

const recordsByKey = (records) =>
  new Map(records.map((one) => [recordKey(one.entity, one.id), one]));

class LocalStore {
  records = new Map();
  position = null;
  id = null;
  sum = emptySum;

  get checksum() {
    return this.position && checksum(this.sum);
  }

  static async read(tx) {
    const [{ position, id }, kept, records] = await Promise.all([
      LocalStore.whereabouts(tx), tx.get("meta", "sum"), tx.all("records"),
    ]);
    const sum = kept ? sumOf(records) : null;
    const isDamaged = Boolean(position && kept && checksum(sum) !== checksum(kept));
    return { position, id, records, sum, isDamaged };
  }

  static async whereabouts(tx) {
    const [position, id] = await Promise.all([
      tx.get("meta", "position"), tx.get("meta", "state"),
    ]);
    return { position: position ?? null, id: id ?? null };
  }

  show({ position, id, records, sum }) {
    this.records = recordsByKey(records);
    this.position = position;
    this.id = id;
    this.sum = sum;
  }

  isAt({ position, id }) {
    if (!position || !this.position) return !position && !this.position;
    return samePosition(position, this.position) && id === this.id;
  }

  static async apply(tx, { changes, position, asked }) {
    const here = await tx.get("meta", "position");
    if (!here) return { moved: false, gap: true };
    if (position.epoch !== here.epoch) {
      const compared = asked ? samePosition(asked, here) : here.cursor === 0;
      if (!compared) return { moved: false, gap: true };
    }
    const fresh = changes.filter((change) => change.cursor > here.cursor);
    if (fresh.some((change, index) => change.cursor !== here.cursor + 1 + index)) {
      return { moved: false, gap: true };
    }
    if (here.cursor + fresh.length < position.cursor) return { moved: false, gap: true };
    const target = { cursor: here.cursor + fresh.length, epoch: position.epoch };
    if (fresh.length > 0 && target.cursor !== position.cursor) return { moved: false, gap: true };
    if (fresh.length === 0) return { moved: false, gap: false };
    await tx.put("meta", "sum", await sumAfter(tx, fresh));
    await writeChanges(tx, "records", fresh);
    await tx.put("meta", "position", target);
    return { moved: true, gap: false, patch: { base: here, changes: fresh, position: target } };
  }

  patch({ base, changes, position }) {
    if (!this.position || !samePosition(this.position, base)) return false;
    for (const change of changes) {
      const key = recordKey(change.entity, change.id);
      this.sum = exchanged(this.sum, this.records.get(key), change);
      if (change.op === "delete") this.records.delete(key);
      else if (isWrite(change)) this.records.set(key, recordOf(change));
    }
    this.position = position;
    return true;
  }

  isPast({ position }) {
    return this.position?.epoch === position.epoch && this.position.cursor >= position.cursor;
  }

  isBehind(position) {
    if (!this.position) return true;
    if (position.cursor > this.position.cursor) return true;
    return position.epoch !== this.position.epoch && this.position.cursor > 0;
  }

  static async swap(tx, position) {
    await tx.clear("records");
    const gathered = await tx.all("aside");
    await Promise.all(gathered.map((one) => tx.put("records", [one.entity, one.id], one)));
    await tx.put("meta", "position", position);
    await tx.put("meta", "sum", sumOf(gathered));
    await tx.clear("aside");
    await tx.remove("meta", "snapshot");
  }

  static async forget(tx) {
    await tx.clear("records");
    await tx.clear("aside");
    for (const key of ["position", "sum", "state", "snapshot", "syncedAt"]) await tx.remove("meta", key);
  }
}

async function writeChanges(tx, store, changes) {
  await Promise.all(changes.map((change) => {
    const key = [change.entity, change.id];
    if (change.op === "delete") return tx.remove(store, key);
    if (isWrite(change)) return tx.put(store, key, recordOf(change));
    return undefined; // an op of a later protocol counts, and changes nothing that we know of
  }));
}

const samePosition = (a, b) => a.cursor === b.cursor && a.epoch === b.epoch;

const isWrite = (change) => change.op === "create" || change.op === "update";
const recordOf = ({ entity, id, data, cursor }) => ({ entity, id, data, version: cursor });

async function sumAfter(tx, changes) {
  let sum = (await tx.get("meta", "sum")) ?? null;
  if (!sum) return null;
  const keys = new Map(changes.map((one) => [recordKey(one.entity, one.id), [one.entity, one.id]]));
  const found = await Promise.all([...keys.values()].map((key) => tx.get("records", key)));
  const here = new Map([...keys.keys()].map((key, index) => [key, found[index]]));
  for (const change of changes) {
    const key = recordKey(change.entity, change.id);
    sum = exchanged(sum, here.get(key), change);
    if (change.op === "delete") here.delete(key);
    else if (isWrite(change)) here.set(key, recordOf(change));
  }
  return sum;
}

function exchanged(sum, before, change) {
  const isDelete = change.op === "delete";
  if (!isDelete && !isWrite(change)) return sum;
  const without = before ? moved(sum, before, -1) : sum;
  return isDelete ? without : moved(without, recordOf(change), 1);
}

// ── follower.js

const staleRequestMs = 2000; // at a reconnect: what waits longer went into a dead connection

class Follower {
  isSubscribed = false;
  #topic;
  #store;
  #reach;
  #actions;
  #live = null;

  constructor(scope, store, reach, actions) {
    this.#topic = `sync:${scope}`;
    this.#store = store;
    this.#reach = reach;
    this.#actions = actions;
  }

  follow(live) {
    this.#live = live;
    this.resubscribe();
  }

  resubscribe() {
    this.#live?.subscribe(this.#topic, () => this.#store.position);
  }

  unsubscribe() {
    this.#live?.unsubscribe(this.#topic);
  }

  wake() {
    if (!this.#reach.isLiveOpen) this.#live?.wake();
  }

  receive(message) {
    if (message.topic !== this.#topic) return;
    const { type, payload } = message;
    if (type === "delta") this.#receiveDelta(payload);
    else if (type === "sync") this.#receivePoke(payload);
    else if (type === "ack") this.#receiveAck(payload);
    else if (type === "error") this.#receiveError(message);
  }

  liveChanged(status, turn, isLead) {
    if (status === "connecting") this.isSubscribed = false;
    if (turn && isLead) this.#actions.syncNow(turn === "opened" ? staleRequestMs : Infinity);
    else if (turn === "opened") this.#actions.push();
  }

  async #receiveDelta(payload) {
    if (!isPosition(payload) || !Array.isArray(payload.changes)) return;
    if (!payload.changes.every(isChange)) return;
    const { cursor, epoch, changes } = payload;
    try {
      const { gap } = await this.#actions.apply({ changes, position: { cursor, epoch } }, true);
      if (!gap) return await this.#actions.compare(payload, payload.checksum);
    } catch { /* storage fails: the pull says so, and is tried again */ }
    this.#actions.pull();
  }

  #receiveAck(payload) {
    this.isSubscribed = true;
    if (!this.#store.position) this.#actions.pull();
    else if (isPosition(payload)) this.#compare(payload);
  }

  #receivePoke(payload) {
    if (!isPosition(payload)) return;
    if (this.#store.isBehind(payload)) {
      this.#actions.pull();
    } else if (samePosition(payload, this.#store.position)) {
      this.#actions.heardOfHead();
      this.#compare(payload);
    }
  }

  #compare(payload) {
    this.#actions.compare(payload, payload.checksum).catch(() => {});
  }

  #receiveError({ code, error }) {
    this.isSubscribed = false; // until then we poll, and each poll subscribes again
    if (code === "scope_denied") this.#actions.deny({ code, error }).catch(() => {});
    else this.#actions.pull(); // a 410 in particular: the pull meets it, and resets
  }
}

// ── mutation-queue.js

const batchCountMax = 100;
const batchBytesMax = 1024 * 1024 - 4096; // the body's limit is 1 MiB, envelope included
const internalErrorsMax = 5; // at the head of the queue; then the row goes to quarantine
const nameBytesMax = 128;

const utf8 = new TextEncoder();

class MutationQueue {
  #stored = new Map();
  #unsaved = new Map();
  #lineage = null;
  #revision = 0;
  #held = new Map();
  #rows = [];

  get rows() {
    if (this.#rows === null) {
      this.#rows = [...this.#stored.values(), ...this.#unsaved.values()];
    }
    return this.#rows;
  }

  get waiting() {
    return this.rows.filter((row) => row.queued && row.replayed);
  }

  get refused() {
    return this.rows.filter((row) => row.refusal);
  }

  add(name, args) {
    const row = makeRow(name, args);
    this.#unsaved.set(row.id, row);
    this.#rows = null;
    return row;
  }

  isUnsaved({ id }) {
    return this.#unsaved.has(id);
  }

  forgetUnsaved(rows) {
    for (const { id } of rows) this.#unsaved.delete(id);
    this.#rows = null;
  }

  show(rows, { lineage, revision }) {
    if (lineage === this.#lineage && revision < this.#revision) return; // overtaken on its way
    this.#stored = new Map(rows.map((row) => [row.seq, row]));
    for (const { id } of rows) this.#unsaved.delete(id);
    this.#lineage = lineage;
    this.#revision = revision;
    this.#rows = null;
    this.#takeHeld();
  }

  take(news) {
    if (this.#lineage === null && news.base === 0) this.#lineage = news.lineage; // the first
    if (news.lineage !== this.#lineage) return false;
    if (news.revision > this.#revision) this.#held.set(news.base, news);
    this.#takeHeld();
    return this.#held.size === 0;
  }

  argsOf({ seq, id }) {
    const row = this.#stored.get(seq);
    return row?.id === id ? row.args : undefined;
  }

  #takeHeld() {
    for (let news; (news = this.#held.get(this.#revision));) {
      this.#revision = news.revision;
      for (const one of news.ops) this.#do(one);
      this.#rows = null;
    }
    for (const [base, news] of this.#held) {
      if (news.lineage !== this.#lineage || base < this.#revision) this.#held.delete(base);
    }
  }

  #do({ op, row, seq, id }) {
    if (op === "clear") {
      this.#stored.clear();
    } else if (op === "remove") {
      this.#stored.delete(seq);
      this.#unsaved.delete(id);
    } else {
      this.#stored.set(row.seq, { args: this.argsOf(row), ...row });
      this.#unsaved.delete(row.id);
    }
  }

  async head(tx, countMax) {
    const batch = [];
    let bytes = 0;
    for (const row of await tx.queuedRows(countMax)) {
      if (batch.length > 0 && bytes + row.bytes > batchBytesMax) break;
      batch.push(row);
      bytes += row.bytes;
    }
    return tx.withArgs(batch);
  }

  async settle(tx, batch, results, position) {
    const byID = new Map(results.map((result) => [result.id, result]));
    const rows = await Promise.all(batch.map(({ id }) => tx.row(id)));
    const writes = []; // awaited together: a hundred of them one by one take their time
    let behind = false;
    let pull = false;
    let retry = null;
    for (const row of rows) {
      if (!row?.queued) continue;
      const result = byID.get(row.id);
      if (result?.ok === true) {
        const isComparable = position !== undefined && position.epoch === result.epoch;
        const isReached = isComparable && position.cursor >= result.cursor;
        if (isReached || !row.replayed) {
          writes.push(tx.removeRow(row));
        } else {
          behind = true;
          pull ||= !isComparable;
          writes.push(tx.putRow({
            ...row, queued: false, result: { cursor: result.cursor, epoch: result.epoch },
          }));
        }
      } else if (result && result.retry !== true) {
        writes.push(tx.putRow(refusedRow(row, result.code, result.error)));
      } else {
        const { write, code } = failed(tx, row, result);
        writes.push(write);
        retry = code;
        break;
      }
    }
    await Promise.all(writes);
    return { retry, behind, pull };
  }

  async refuse(tx, { id }, code, error) {
    const row = await tx.row(id);
    if (row?.queued) await tx.putRow(refusedRow(row, code, error));
  }

  async observe(tx, changes, position, decided = []) {
    const named = new Set([...decided, ...changes.map((change) => change.mutation)]);
    const [found, settled] = await Promise.all([
      rowsNamed(tx, named), tx.settledRows(position.cursor),
    ]);
    const isNotIn = (rows) => (row) => !rows.some((one) => one.seq === row.seq);
    const done = found.filter((row) => !row.queued && !row.refusal).filter(isNotIn(settled));
    await Promise.all([
      ...[...settled, ...done].map((row) => tx.removeRow(row)),
      ...found.filter((row) => row.queued && row.replayed).map((row) => seen(tx, row)),
    ]);
  }

  async beginSnapshot(tx) {
    const rows = await tx.settledRows();
    await Promise.all(rows.map((row) => tx.putRow({ ...row, beforeSnapshot: true })));
  }

  async endSnapshot(tx, position, named) {
    const [found, settled] = await Promise.all([
      rowsNamed(tx, new Set(named)), tx.settledRows(),
    ]);
    const done = settled.filter((row) => row.beforeSnapshot || row.result.cursor <= position.cursor);
    await Promise.all([
      ...found.filter((row) => row.queued && row.replayed).map((row) => seen(tx, row)),
      ...done.map((row) => tx.removeRow(row)),
    ]);
  }

  async retry(tx, id) {
    const row = await tx.row(id);
    if (!row?.refusal) return null;
    const [{ name, args }] = await tx.withArgs([row]);
    await tx.removeRow(row);
    return tx.append(makeRow(name, args));
  }

  async discard(tx, id) {
    const row = await tx.row(id);
    if (!row?.refusal) return null;
    await tx.removeRow(row);
    return row;
  }
}

function pushBody(scope, client, user, batch) {
  const mutations = batch.map(({ id, name, args, time }) =>
    ({ id, name, args, time: isTime(time) ? time : undefined }));
  return JSON.stringify({ v: 1, scope, client, user: user || undefined, mutations });
}

function failed(tx, row, result) {
  const code = result?.code ?? "unavailable";
  if (code !== "internal_error") return { code, write: undefined };
  const failures = row.failures + 1;
  if (failures < internalErrorsMax) return { code, write: tx.putRow({ ...row, failures }) };
  return { code: null, write: tx.putRow(refusedRow(row, code, result.error)) };
}

const seen = (tx, row) => tx.putRow({ ...row, replayed: false });

async function rowsNamed(tx, ids) {
  const known = [...ids].filter((id) => typeof id === "string");
  const rows = await Promise.all(known.map((id) => tx.row(id)));
  return rows.filter((row) => row !== undefined);
}

const isTime = (text) => /^\d{4}-/.test(text);

function refusedRow(row, code, error) {
  const refusal = { code, error: String(error ?? code), time: new Date().toISOString() };
  return { ...row, queued: false, replayed: false, result: null, refusal };
}

function makeRow(name, args) {
  checkName(name);
  if (args === null || typeof args !== "object" || Array.isArray(args)) {
    throw new TypeError("a mutation's args are an object");
  }
  const id = randomID();
  const time = new Date().toISOString();
  const json = JSON.stringify({ id, name, args, time });
  return {
    id, name,
    args: JSON.parse(json).args, // ours from now on, and exactly what will be sent
    time,
    bytes: utf8.encode(json).length + 1,
    queued: true, replayed: true, result: null, refusal: null, failures: 0,
  };
}

function checkName(name) {
  if (typeof name !== "string" || name.isWellFormed?.() === false ||
    /[\u0000-\u001f\u007f]/.test(name)) throw new TypeError("not a name of the protocol");
  const bytes = utf8.encode(name).length;
  if (bytes < 1 || bytes > nameBytesMax) throw new TypeError("a name has 1 to 128 bytes");
}

// ── link.js

class Link {
  #http = "unknown";
  #live = "closed";
  #isHintWrong = false;

  get isLiveOpen() {
    return this.#live === "open";
  }

  get isSaidOffline() {
    return navigator.onLine === false && !this.#isHintWrong;
  }

  get isSilent() {
    return this.#http === "silent";
  }

  get isUnknown() {
    return this.#http === "unknown";
  }

  get isDown() {
    return this.isSaidOffline || this.isSilent || this.#live === "silent";
  }

  exchanged(kind) {
    if (kind === "slow") {
      if (!this.isLiveOpen) this.#http = "silent";
    } else {
      this.#http = kind === "none" ? "silent" : "answers";
      this.#isHintWrong = navigator.onLine === false && kind !== "none";
    }
  }

  saidOffline() {
    this.#isHintWrong = false;
  }

  liveChanged(status) {
    if (status === "silent") this.#http = "silent";
    this.#live = status;
  }
}

// ── occasions.js

const pollMs = 10_000; // without a live connection; a random part of it
const probeAfterMs = 2000; // after the browser said that it is offline
const probeEachMs = 15_000; // while it goes on saying so
const probeForEditMs = 5000; // the same, after an edit
const frozenMs = 2000; // what was asked so long before the page was frozen is not answered any more

class Occasions {
  #actions;
  #pollTimer = 0;
  #probeTimer = 0;
  #probedAt = -probeEachMs;
  #closing = new AbortController();

  constructor(actions) {
    this.#actions = actions;
    this.#listen();
    this.#poll();
  }

  edited() {
    this.#probe(probeForEditMs);
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#pollTimer);
    clearTimeout(this.#probeTimer);
  }

  #listen() {
    const { syncNow, saidOffline } = this.#actions;
    const { signal } = this.#closing;
    addEventListener("online", () => syncNow(0), { signal });
    addEventListener("offline", () => {
      saidOffline();
      clearTimeout(this.#probeTimer);
      this.#probeTimer = setTimeout(() => this.#probe(0), probeAfterMs);
    }, { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && syncNow(0), { signal });
    document.addEventListener("resume", () => syncNow(frozenMs), { signal });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") syncNow(Infinity);
    }, { signal });
  }

  #poll() {
    this.#pollTimer = setTimeout(() => {
      if (document.visibilityState === "visible") { // else nobody looks
        if (this.#actions.isSaidOffline()) this.#probe(probeEachMs);
        else this.#actions.poll();
      }
      this.#poll();
    }, pollMs * (0.5 + Math.random() / 2));
  }

  #probe(notWithinMs) {
    if (!this.#actions.isSaidOffline()) return;
    if (performance.now() < this.#probedAt + notWithinMs) return;
    this.#probedAt = performance.now();
    this.#actions.probe();
  }
}

// ── request-gate.js

const atOnceMax = 4; // a browser has six connections for a server, and the page needs some

class RequestGate {
  #isShared;
  #mended;
  #now;
  #flying = 0;
  #line = [];
  #failure = null;
  #attempt = 0;
  #until = 0;

  constructor(isShared, mended, now = () => performance.now()) {
    this.#isShared = isShared;
    this.#mended = mended;
    this.#now = now;
  }

  get isBroken() {
    return this.#failure !== null && this.#isShared();
  }

  async enter(signal) {
    const left = this.#until - this.#now();
    if (this.isBroken && left > 0) return delayed(this.#failure, left);
    if (this.#flying < this.#most) {
      this.#flying += 1;
      return null;
    }
    return new Promise((resolve) => {
      const givenUp = () => {
        this.#line = this.#line.filter((one) => one !== admit);
        resolve({ kind: "none", reason: "given up" });
      };
      const admit = (outcome) => {
        signal.removeEventListener("abort", givenUp);
        resolve(outcome);
      };
      this.#line.push(admit);
      signal.addEventListener("abort", givenUp, { once: true });
    });
  }

  leave(outcome) {
    this.#flying -= 1;
    const wasBroken = this.#failure !== null;
    if (outcome && isForAll(outcome)) this.#broke(outcome);
    else if (outcome) this.#failure = null;
    while (this.#line.length > 0 && this.#flying < this.#most) {
      this.#flying += 1;
      this.#line.shift()(null);
    }
    if (wasBroken && this.#failure === null) {
      this.#attempt = 0;
      if (this.#isShared()) this.#mended();
    }
  }

  urge() {
    this.#until = 0;
  }

  get #most() {
    return this.isBroken ? 1 : atOnceMax;
  }

  #broke(outcome) {
    if (this.#failure === null || this.#now() >= this.#until) {
      this.#until = this.#now() + waitMs(this.#attempt++, outcome.retryAfterMs);
    }
    this.#failure = outcome;
    if (!this.#isShared()) return;
    for (const admit of this.#line.splice(0)) admit(delayed(outcome, this.#until - this.#now()));
  }
}

const isForAll = ({ kind, status }) => kind === "none" || [401, 429, 503].includes(status);

const delayed = (failure, milliseconds) =>
  failure.kind === "none" ? failure : { ...failure, retryAfterMs: milliseconds };

// ── session.js

class Session {
  baseURL;
  user;
  link = new Link();
  gate = new RequestGate(() => this.#members.size > 1, () => this.#mended());
  #members = new Set();
  #occasions = null;
  claim;
  isSomebodyElse;
  #refresh;
  #refreshing = null;

  constructor({
    baseURL = "", user = "", refreshCredentials = async () => false,
    isSomebodyElse = async () => false, claim = "",
  } = {}) {
    this.baseURL = baseURL;
    this.user = user;
    this.claim = claim;
    this.isSomebodyElse = isSomebodyElse;
    this.#refresh = refreshCredentials;
  }

  join(member) {
    this.#members.add(member);
    this.#occasions ??= new Occasions({
      syncNow: (ageMs) => this.syncNow(ageMs),
      poll: () => this.#each((one) => one.poll()),
      probe: () => this.#probe(),
      isSaidOffline: () => this.link.isSaidOffline,
      saidOffline: () => {
        this.link.saidOffline();
        this.#tell();
      },
    });
  }

  leave(member) {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#occasions?.close();
    this.#occasions = null;
  }

  exchanged(kind) {
    this.link.exchanged(kind);
    this.#tell();
  }

  liveChanged(status) {
    const wasOpen = this.link.isLiveOpen;
    this.link.liveChanged(status);
    const isOpen = this.link.isLiveOpen;
    const turn = isOpen === wasOpen ? null : isOpen ? "opened" : "lost";
    const [lead] = this.#members;
    this.#each((one) => one.liveChanged(status, turn, one === lead));
  }

  syncNow(ageMs) {
    this.gate.urge();
    this.#each((one) => one.syncNow(ageMs));
  }

  edited() {
    this.#occasions?.edited();
  }

  refresh() {
    this.#refreshing ??= Promise.resolve().then(this.#refresh)
      .finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  async #probe() {
    const [lead] = this.#members;
    this.gate.urge();
    if (!(await lead?.probe())) return;
    this.#each((one) => one !== lead && one.syncNow(Infinity));
  }

  #mended() {
    this.#each((one) => one.hasten());
  }

  #tell() {
    this.#each((one) => one.told());
  }

  #each(act) {
    for (const one of [...this.#members]) act(one);
  }
}

// ── set-aside.js

const copiesPrefix = "mizu-"; // of all caches that a service worker of ours makes
const shellPrefix = "mizu-shell-"; // of those that have nothing of anybody in them

async function forgetState(replica) {
  await replica.change(async (tx) => {
    await LocalStore.forget(tx);
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

async function loseScope(replica, reason) {
  const { edits } = await replica.change(async (tx) => {
    const list = await putAside(tx, await listed(tx), reason);
    await beginAnew(tx);
    const edits = editsOf(list, reason.code);
    return { reread: true, forgot: true, lost: { reason, edits }, edits };
  });
  await deleteCopies();
  return edits;
}

async function refuseQueue(replica, reason) {
  const { edits } = await replica.change(async (tx) => {
    const rows = (await tx.all("mutations")).filter((row) => row.queued);
    const list = await putAside(tx, await listed(tx), reason, rows);
    await Promise.all(rows.map((row) => tx.removeRow(row)));
    return { edits: editsOf(list, reason.code) };
  });
  return edits;
}

async function setAside(replica, refused, reason) {
  await replica.change(async (tx) => {
    if ((await tx.get("meta", "client")) !== refused) return undefined;
    await putAside(tx, await listed(tx), reason);
    await beginAnew(tx, randomID());
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

function setAsideQueues(replica) {
  return replica.storage.read(listed);
}

async function restoreQueue(replica, client) {
  const restored = await replica.change(async (tx) => {
    const list = await listed(tx);
    const found = list.find((one) => one.client === client);
    if (!found) return undefined;
    await putAside(tx, list.filter((one) => one !== found), { code: "exchanged", error: "" });
    await beginAnew(tx, client);
    for (const row of found.rows) await tx.append(row);
    return { reread: true };
  });
  return restored !== undefined;
}

async function takeBack(replica, code) {
  await replica.change(async (tx) => {
    const list = await listed(tx);
    const found = list.filter(({ reason }) => reason?.code === code);
    if (found.length === 0) return undefined;
    for (const row of found.flatMap(({ rows }) => rows)) await tx.append(row);
    await tx.put("meta", "setAside", list.filter((one) => !found.includes(one)));
    return undefined;
  });
}

async function discardQueue(replica, client) {
  return replica.storage.write(async (tx) => {
    const list = await listed(tx);
    const rest = list.filter((one) => one.client !== client);
    await tx.put("meta", "setAside", rest);
    return rest.length < list.length;
  });
}

async function forgetAll(replica) {
  await replica.change(async (tx) => {
    await beginAnew(tx, randomID());
    for (const key of ["setAside", "listed", "seal"]) await tx.remove("meta", key);
    return { reread: true, forgot: true, signedOut: true };
  });
  replica.journal.clear();
  await deleteCopies({ withShell: true });
}

async function deleteCopies({ withShell = false } = {}) {
  try {
    for (const name of await caches.keys()) {
      const isKept = name.startsWith(shellPrefix) && !withShell;
      if (name.startsWith(copiesPrefix) && !isKept) await caches.delete(name);
    }
  } catch { /* no caches over plain http; then there are no copies, either */ }
}

const listed = async (tx) => (await tx.get("meta", "setAside")) ?? [];

const editsOf = (list, code) => list.filter(({ reason }) => reason?.code === code)
  .flatMap(({ rows }) => rows.map(({ id, name, args, time }) => ({ id, name, args, time })));

async function putAside(tx, list, reason, rows) {
  const aside = rows
    ?? (await tx.all("mutations")).filter((row) => row.queued || row.refusal);
  const client = await tx.get("meta", "client");
  const time = new Date().toISOString();
  const isSame = (one) => one.client === client && one.reason?.code === reason.code;
  const before = list.filter(isSame).flatMap((one) => one.rows);
  const whole = aside.length === 0 ? list : [
    ...list.filter((one) => !isSame(one)), { client, rows: [...before, ...aside], time, reason },
  ];
  await tx.put("meta", "setAside", whole);
  return whole;
}

async function beginAnew(tx, client) {
  await LocalStore.forget(tx);
  await tx.clearRows();
  if (client) await tx.put("meta", "client", client);
}

// ── transaction.js

class Transaction {
  #raw;
  #ops = [];

  constructor(raw) {
    this.#raw = raw;
  }

  get(store, key) {
    return this.#raw.get(store, key);
  }

  async all(store) {
    if (store !== "mutations") return this.#raw.all(store);
    const [rows, args] = await Promise.all([this.rows(), this.#raw.all("args")]);
    const byID = new Map(args.map((one) => [one.id, one.args]));
    return rows.map((row) => ({ ...row, args: byID.get(row.id) }));
  }

  put(store, key, value) {
    return this.#raw.put(store, key, value);
  }

  remove(store, key) {
    return this.#raw.remove(store, key);
  }

  clear(store) {
    return this.#raw.clear(store);
  }

  async rows() {
    return (await this.#raw.all("mutations")).map(shown);
  }

  async row(id) {
    const row = await this.#raw.rowByID(id);
    return row && shown(row);
  }

  async queuedRows(count) {
    return (await this.#raw.queuedRows(count)).map(shown);
  }

  async settledRows(cursor = Number.MAX_SAFE_INTEGER) {
    return (await this.#raw.settledRows(cursor)).map(shown);
  }

  async withArgs(rows) {
    const found = await Promise.all(rows.map((row) => this.#raw.get("args", row.id)));
    return rows.map((row, index) => ({ ...row, args: found[index]?.args ?? {} }));
  }

  async append(row) {
    const known = await this.row(row.id);
    if (known) return known;
    const { args, seq: _, ...state } = row;
    const [seq] = await Promise.all([
      this.#raw.addRow(stored(state)), this.#raw.put("args", row.id, { id: row.id, args }),
    ]);
    const added = { ...state, seq };
    this.#ops.push({ op: "put", row: { ...added, args } });
    return added;
  }

  putRow({ args: _, ...row }) {
    this.#ops.push({ op: "put", row });
    return this.#raw.put("mutations", row.seq, stored(row));
  }

  removeRow({ seq, id }) {
    this.#ops.push({ op: "remove", seq, id });
    return Promise.all([this.#raw.remove("mutations", seq), this.#raw.remove("args", id)]);
  }

  clearRows() {
    this.#ops.push({ op: "clear" });
    return Promise.all([this.#raw.clear("mutations"), this.#raw.clear("args")]);
  }

  async revision() {
    return (await this.#raw.get("meta", "revision")) ?? { lineage: null, revision: 0 };
  }

  async finish() {
    if (this.#ops.length === 0) return null;
    const found = await this.revision();
    const lineage = found.lineage ?? randomID();
    const revision = found.revision + 1;
    await this.#raw.put("meta", "revision", { lineage, revision });
    return { lineage, base: found.revision, revision, ops: this.#ops };
  }
}

const stored = (row) => ({ ...row, queued: Number(row.queued) });
const shown = (row) => ({ ...row, queued: row.queued === 1 });

// ── indexed-storage.js

const schemaVersion = 2;
const stores = ["meta", "mutations", "args", "records", "aside"];
const failuresMax = 3; // at opening again, one after the other; then it counts as lost

class StorageLost extends Error {}

class IndexedStorage {
  kind = "indexeddb";
  isLost = false;
  #name;
  #onLost;
  #database = null;
  #birth = null;
  #failures = 0;

  constructor(name, onLost) {
    this.#name = name;
    this.#onLost = onLost;
  }

  close() {
    const closing = this.#database;
    this.#database = null;
    closing?.then((database) => database.close()).catch(() => {});
  }

  async read(work) {
    return (await this.#run("readonly", "relaxed", work)).result;
  }

  transact(work) {
    return this.#run("readwrite", "relaxed", work);
  }

  append(rows) {
    return this.#run("readwrite", "strict", (tx) => Promise.all(rows.map((row) => tx.append(row))));
  }

  async #run(mode, durability, work) {
    const transaction = await this.#begin(mode, durability);
    const done = settled(transaction);
    let outcome;
    try {
      const tx = new Transaction(new RawIndexed(transaction));
      const result = await work(tx);
      outcome = { result, news: await tx.finish() };
    } catch (error) {
      abandon(transaction);
      throw error;
    }
    await done;
    return outcome;
  }

  async #begin(mode, durability) {
    const database = await this.#open();
    try {
      return database.transaction(stores, mode, { durability });
    } catch (error) {
      if (error?.name !== "InvalidStateError") throw error;
      this.#database = null;
      return (await this.#open()).transaction(stores, mode, { durability });
    }
  }

  #open() {
    if (this.isLost) return Promise.reject(new StorageLost("storage went away"));
    this.#database ??= this.#connect().catch((error) => {
      this.#database = null;
      this.#failures += 1;
      const isGone = error instanceof StorageLost || error?.name === "VersionError";
      if (this.#birth && (isGone || this.#failures >= failuresMax)) this.#lose();
      throw error;
    });
    return this.#database;
  }

  async #connect() {
    const database = await this.#request();
    const transaction = database.transaction("meta", "readonly");
    const birth = await finished(transaction.objectStore("meta").get("birth"));
    if (this.#birth && birth && birth !== this.#birth) {
      database.close();
      throw new StorageLost("another database has this one's name");
    }
    this.#birth ??= birth ?? randomID();
    this.#failures = 0;
    return database;
  }

  #request() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, schemaVersion);
      let isGone = false;
      request.onupgradeneeded = ({ oldVersion }) => {
        if (oldVersion === 0 && this.#birth) {
          isGone = true;
          request.transaction.abort();
        } else {
          upgrade(request.transaction, oldVersion);
        }
      };
      request.onerror = () => reject(isGone ? new StorageLost("it was deleted") : request.error);
      request.onsuccess = () => {
        const database = request.result;
        database.onclose = () => {
          this.#database = null;
          this.#open().catch(() => {}); // is it there, still?
        };
        database.onversionchange = () => {
          database.close();
          this.#lose();
        };
        resolve(database);
      };
    });
  }

  #lose() {
    if (this.isLost) return;
    this.isLost = true;
    this.#onLost();
  }
}

function upgrade(transaction, oldVersion) {
  const { db: database } = transaction;
  const meta = oldVersion === 0
    ? database.createObjectStore("meta") : transaction.objectStore("meta");
  meta.put(randomID(), "birth");
  if (oldVersion === 0) {
    for (const store of ["records", "aside"]) database.createObjectStore(store);
    meta.put(randomID(), "client");
    makeQueue(database);
    return;
  }
  const old = transaction.objectStore("mutations");
  const [keys, values] = [old.getAllKeys(), old.getAll()];
  values.onsuccess = () => {
    database.deleteObjectStore("mutations");
    const { rows, args } = makeQueue(database);
    values.result.forEach(({ args: value, ...row }, index) => {
      rows.put({ ...row, queued: Number(row.queued), seq: keys.result[index] });
      args.put({ id: row.id, args: value });
    });
  };
}

function makeQueue(database) {
  const rows = database.createObjectStore("mutations", { keyPath: "seq", autoIncrement: true });
  rows.createIndex("id", "id");
  rows.createIndex("queued", "queued");
  rows.createIndex("settled", "result.cursor"); // has no entry for a row without a result
  return { rows, args: database.createObjectStore("args", { keyPath: "id" }) };
}

class RawIndexed {
  #transaction;

  constructor(transaction) {
    this.#transaction = transaction;
  }

  get(store, key) {
    return finished(this.#transaction.objectStore(store).get(key));
  }

  all(store) {
    return finished(this.#transaction.objectStore(store).getAll());
  }

  rowByID(id) {
    return finished(this.#rows("id").get(id));
  }

  queuedRows(count) {
    return finished(this.#rows("queued").getAll(1, count));
  }

  async settledRows(cursor) {
    const rows = await finished(this.#rows("settled").getAll(IDBKeyRange.upperBound(cursor)));
    return rows.sort((a, b) => a.seq - b.seq);
  }

  put(store, key, value) {
    const target = this.#transaction.objectStore(store);
    return finished(target.keyPath === null ? target.put(value, key) : target.put(value));
  }

  addRow(row) {
    return finished(this.#transaction.objectStore("mutations").add(row));
  }

  remove(store, key) {
    return finished(this.#transaction.objectStore(store).delete(key));
  }

  clear(store) {
    return finished(this.#transaction.objectStore(store).clear());
  }

  #rows(index) {
    return this.#transaction.objectStore("mutations").index(index);
  }
}

function settled(transaction) {
  return handled(new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(
      transaction.error ?? new DOMException("transaction aborted", "AbortError"));
  }));
}

function finished(request) {
  return handled(new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  }));
}

function handled(promise) {
  promise.catch(() => {});
  return promise;
}

function abandon(transaction) {
  try {
    transaction.abort();
  } catch { /* it is over already */ }
}

// ── memory-storage.js

const names = ["meta", "mutations", "args", "records", "aside"];

class MemoryStorage {
  kind = "memory";
  #stores = Object.fromEntries(names.map((name) => [name, new Map()]));
  #lastSeq = 0;
  #tail = Promise.resolve();

  close() {}

  async read(work) {
    return (await this.transact(work)).result;
  }

  async write(work) {
    return (await this.transact(work)).result;
  }

  append(rows) {
    return this.transact((tx) => Promise.all(rows.map((row) => tx.append(row))));
  }

  transact(work) {
    const turn = this.#tail.then(async () => {
      const raw = new RawMaps(this.#stores, () => ++this.#lastSeq);
      try {
        const tx = new Transaction(raw);
        const result = await work(tx);
        return { result, news: await tx.finish() };
      } catch (error) {
        raw.undo();
        throw error;
      }
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }
}

class RawMaps {
  #stores;
  #nextSeq;
  #undos = [];

  constructor(stores, nextSeq) {
    this.#stores = stores;
    this.#nextSeq = nextSeq;
  }

  async get(store, key) {
    return structuredClone(this.#stores[store].get(word(key)));
  }

  async all(store) {
    return structuredClone([...this.#stores[store].values()]);
  }

  async rowByID(id) {
    return this.#rows((row) => row.id === id)[0];
  }

  async queuedRows(count) {
    return this.#rows((row) => row.queued === 1).slice(0, count);
  }

  async settledRows(cursor) {
    return this.#rows((row) => row.result?.cursor <= cursor);
  }

  async put(store, key, value) {
    const map = this.#stores[store];
    const [name, before] = [word(key), map.get(word(key))];
    this.#undos.push(before === undefined ? () => map.delete(name) : () => map.set(name, before));
    map.set(name, structuredClone(value));
  }

  async addRow(row) {
    const seq = this.#nextSeq();
    await this.put("mutations", seq, { ...row, seq });
    return seq;
  }

  async remove(store, key) {
    const map = this.#stores[store];
    const [name, before] = [word(key), map.get(word(key))];
    if (map.delete(name)) this.#undos.push(() => map.set(name, before));
  }

  async clear(store) {
    const before = this.#stores[store];
    this.#undos.push(() => { this.#stores[store] = before; });
    this.#stores[store] = new Map();
  }

  undo() {
    for (const undo of this.#undos.reverse()) undo();
    const rows = [...this.#stores.mutations].sort(([, a], [, b]) => a.seq - b.seq);
    this.#stores.mutations = new Map(rows);
  }

  #rows(isWanted) {
    return structuredClone([...this.#stores.mutations.values()].filter(isWanted));
  }
}

const word = (key) => JSON.stringify(key);

// ── storage.js

const pausesMs = [0, 20, 80, 200, 500];
const openBoundMs = 2500; // somebody looks at the page, and what they type must be kept somewhere

const storageName = (baseURL, scope, user) =>
  `mizu:${JSON.stringify([baseURL, scope, user])}`;

class Storage {
  isLost = false;
  #name;
  #hooks;
  #inner = null;

  constructor(name, hooks) {
    this.#name = name;
    this.#hooks = hooks;
  }

  get kind() {
    return this.#inner?.kind ?? "opening";
  }

  async open() {
    const indexed = new IndexedStorage(this.#name, () => this.#lost(indexed));
    const opening = indexed.transact(nameClient);
    try {
      await inTime(opening);
      this.#inner = indexed;
    } catch (error) {
      console.info("mizu: IndexedDB does not work here, edits live as long as this page:", error);
      this.#inner = new MemoryStorage();
      opening.then(() => this.#arrived(indexed)).catch(() => {});
    }
    await this.write(nameClient);
  }

  read(work) {
    return this.#perform((inner) => inner.read(work));
  }

  close() {
    this.#inner?.close();
  }

  async write(work) {
    const { result, news } = await this.transact(work);
    if (news) this.#hooks.news(news);
    return result;
  }

  transact(work) {
    return this.#perform((inner) => inner.transact(work));
  }

  async append(rows) {
    const { news } = await this.#perform((inner) => inner.append(rows));
    if (news) this.#hooks.news(news);
  }

  async #perform(act, tries = 1) {
    const inner = this.#inner;
    try {
      const result = await act(inner);
      if (this.#inner === inner) return result;
    } catch (error) {
      if (this.#inner === inner) {
        if (tries > pausesMs.length || !wasEndedByBrowser(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pausesMs[tries - 1]));
        return this.#perform(act, tries + 1);
      }
    }
    return this.#perform(act); // what it did went with the storage that it was done in
  }

  #lost(indexed) {
    if (this.#inner !== indexed) return;
    const memory = new MemoryStorage();
    const { meta, records, rows } = this.#hooks.copy();
    memory.transact(async (tx) => {
      for (const [key, value] of Object.entries(meta)) await tx.put("meta", key, value);
      for (const one of records) await tx.put("records", [one.entity, one.id], one);
      for (const row of rows) await tx.append(row);
    });
    this.#inner = memory;
    this.isLost = true;
    this.#hooks.switched();
  }

  async #arrived(indexed) {
    const memory = this.#inner;
    if (memory?.kind !== "memory" || this.isLost) return;
    await memory.transact(async (tx) => {
      await indexed.append(await tx.all("mutations"));
      this.#inner = indexed;
    });
    this.#hooks.switched();
  }
}

async function nameClient(tx) {
  const known = await tx.get("meta", "client");
  if (known) return known;
  const client = randomID();
  await tx.put("meta", "client", client);
  return client;
}

function wasEndedByBrowser(error) {
  return ["AbortError", "InvalidStateError", "UnknownError"].includes(error?.name);
}

function inTime(promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer yet")), openBoundMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// ── sync-machine.js

const phases = {
  opening: { opened: "open", denied: "deniedEarly", closed: "closed" },
  deniedEarly: { opened: "denied", allowed: "opening", closed: "closed" }, // storage is not open yet
  open: { reset: "resetting", denied: "denied", closed: "closed" },
  resetting: { ended: "open", denied: "denied", closed: "closed" },
  denied: { allowed: "open", closed: "closed" },
  closed: {},
};

const running = { state: "running", does: "start" };
const idle = { state: "idle" };
const waiting = { state: "waiting", does: "wait" };

const lanes = {
  idle: { ask: running, now: running },
  running: { ask: { state: "again" }, now: { state: "next" }, ok: idle, halted: idle, failed: waiting },
  again: { now: { state: "next" }, ok: running, halted: idle, failed: waiting },
  next: { ok: running, halted: running, failed: running },
  waiting: { now: { ...running, cancels: true }, due: running },
};

const initialMachine = {
  phase: "opening",
  push: { state: "idle", attempt: 0 },
  pull: { state: "idle", attempt: 0 },
};

function step(machine, { type, lane }) {
  return lane ? laneStep(machine, type, lane) : phaseStep(machine, type);
}

function phaseStep(machine, type) {
  const phase = phases[machine.phase][type];
  if (!phase) return { machine, effects: [] };
  if (phase !== "closed") return { machine: { ...machine, phase }, effects: [] };
  const closed = { ...machine, phase };
  const effects = ["push", "pull"].filter((lane) => machine[lane].state === "waiting")
    .map((lane) => ({ does: "cancel", lane }));
  for (const { lane } of effects) closed[lane] = { ...machine[lane], state: "idle" };
  return { machine: closed, effects };
}

function laneStep(machine, type, lane) {
  const { state, attempt: before } = machine[lane];
  const attempt = { now: 0, ok: 0, failed: before + 1 }[type] ?? before;
  const next = lanes[state][type];
  if (!next) return { machine: { ...machine, [lane]: { state, attempt } }, effects: [] };
  const effects = next.cancels ? [{ does: "cancel", lane }] : [];
  const mayRun = machine.phase === "open" || machine.phase === "resetting";
  if (next.does === "start") effects.push({ does: mayRun ? "start" : "refuse", lane });
  if (next.does === "wait" && mayRun) effects.push({ does: "wait", lane, attempt: before });
  const after = next.does && !mayRun ? "idle" : next.state;
  return { machine: { ...machine, [lane]: { state: after, attempt } }, effects };
}

// ── lanes.js

const refused = { ok: false, halt: true };

class Lanes {
  #machine = initialMachine;
  #work;
  #timers = { push: 0, pull: 0 };
  #callers = { push: [], pull: [] };

  constructor(work) {
    this.#work = work;
  }

  get phase() {
    return this.#machine.phase;
  }

  send(type) {
    this.#step({ type });
  }

  ask(lane) {
    this.#step({ type: "ask", lane });
  }

  now(lane) {
    return new Promise((resolve) => {
      this.#callers[lane].push(resolve);
      this.#step({ type: "now", lane });
    });
  }

  hasten() {
    for (const lane of ["push", "pull"]) {
      if (this.#machine[lane].state === "waiting") this.#step({ type: "now", lane });
    }
  }

  #step(event) {
    const { machine, effects } = step(this.#machine, event);
    this.#machine = machine;
    for (const { does, lane, attempt } of effects) {
      if (does === "start") this.#try(lane);
      else if (does === "wait") this.#wait(lane, waitMs(attempt, event.retryAfterMs));
      else if (does === "cancel") clearTimeout(this.#timers[lane]);
      else this.#refuse(lane);
    }
  }

  #refuse(lane) {
    for (const resolve of this.#callers[lane].splice(0)) resolve(refused);
  }

  async #try(lane) {
    const callers = this.#callers[lane].splice(0);
    const outcome = await this.#outcome(lane);
    for (const resolve of callers) resolve(outcome);
    await null; // a caller that waits for this outcome goes first
    const type = outcome.ok ? "ok" : outcome.halt ? "halted" : "failed";
    this.#step({ type, lane, retryAfterMs: outcome.retryAfterMs });
  }

  async #outcome(lane) {
    try {
      return await this.#work[lane]();
    } catch (error) {
      console.warn("mizu: a try failed and will be made again:", error);
      return { ok: false, error };
    }
  }

  #wait(lane, milliseconds) {
    this.#timers[lane] = setTimeout(() => this.#step({ type: "due", lane }), milliseconds);
  }
}

// ── reachability.js

class Reachability {
  #link;
  #problems = new Map();

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

  problemOf(lane) {
    return this.#problems.get(lane);
  }

  setProblem(lane, problem) {
    if (problem) this.#problems.set(lane, problem);
    else this.#problems.delete(lane);
  }

  state(isBusy) {
    if (this.#link.isDown) return "offline";
    if (this.problem) return "error";
    return isBusy || this.#link.isUnknown ? "syncing" : "online";
  }
}

// ── journal.js

const journalPrefix = "mizu-journal:";

class Journal {
  #prefix;
  #keys = new Map();

  constructor(name) {
    this.#prefix = `${journalPrefix}${name}:`;
  }

  static storages() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(journalPrefix));
      return [...new Set(keys.map((key) => key.slice(journalPrefix.length, key.lastIndexOf(":"))))];
    } catch {
      return [];
    }
  }

  write(row) {
    const key = this.#prefix + orderedID();
    try {
      localStorage.setItem(key, JSON.stringify(row));
      this.#keys.set(row.id, key);
    } catch { /* full, or forbidden: then only the queue's own storage has it */ }
  }

  remove(rows) {
    for (const { id } of rows) {
      if (this.#keys.has(id)) this.#forget(this.#keys.get(id));
      this.#keys.delete(id);
    }
  }

  rows() {
    const found = [];
    for (const key of this.#all()) {
      try {
        const row = JSON.parse(localStorage.getItem(key));
        this.#keys.set(row.id, key);
        found.push(row);
      } catch {
        this.#forget(key);
      }
    }
    return found;
  }

  clear() {
    for (const key of this.#all()) this.#forget(key);
    this.#keys.clear();
  }

  #all() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix)).sort();
    } catch {
      return [];
    }
  }

  #forget(key) {
    try {
      localStorage.removeItem(key);
    } catch { /* it could not be written, either */ }
  }
}

// ── replica.js

const hearMs = 100; // how long another tab's message may take before we look for ourselves

class Replica {
  queue = new MutationQueue();
  store = new LocalStore();
  storage;
  journal;
  #name;
  #hooks;
  #client = null;
  #channel = null;
  #messages = 0;
  #rereadTimer = null;

  constructor(name, hooks) {
    this.#name = name;
    this.#hooks = hooks;
    this.journal = new Journal(name);
    this.storage = new Storage(name, {
      news: (news) => this.#tookNews(news),
      copy: () => this.#copy(),
      switched: () => this.#switched(),
    });
  }

  async open() {
    await this.storage.open();
    this.#join();
    await this.append(this.journal.rows()).catch((error) => console.warn("mizu:", error));
    await this.reread();
  }

  close() {
    clearTimeout(this.#rereadTimer);
    this.#channel?.close();
    this.#channel = null;
    this.storage.close();
  }

  async append(rows) {
    if (rows.length === 0) return;
    await this.storage.append(rows);
    if (this.storage.kind !== "memory") this.journal.remove(rows);
    if (rows.some((row) => this.queue.isUnsaved(row))) {
      await this.reread();
      this.queue.forgetUnsaved(rows);
    }
    this.#hooks.changed();
  }

  async change(work) {
    const { store } = this;
    const { result: { result, state, client, at }, news } = await this.storage.transact(
      async (tx) => {
        const result = await work(tx);
        const state = result?.reread ? await LocalStore.read(tx) : null;
        const client = await tx.get("meta", "client");
        return { result, state, client, at: await LocalStore.whereabouts(tx) };
      });
    const { patch = null, forgot = false, signedOut = false, lost = null } = result ?? {};
    if (patch && store.isAt({ position: patch.base, id: at.id })) this.#hooks.arriving(patch.changes);
    this.#client = client;
    this.#journalTakes(news);
    const hasRecords = !patch || store.patch(patch);
    const hasRows = hasRecords && this.#take(news);
    if (state) this.#show(state);
    if (forgot) this.#hooks.forgot();
    if (patch || state || news) {
      const isReplaced = state !== null;
      this.#channel?.postMessage({ patch, news, isReplaced, forgot, signedOut, lost });
    }
    if (!hasRecords) return this.reread().then(() => result);
    this.#hooks.changed();
    if (!hasRows || !store.isAt(at)) this.#rereadSoon();
    return result;
  }

  async reread() {
    const { queue, store } = this;
    const messages = this.#messages;
    const { client, rows, revision, state } = await this.storage.read(async (tx) => ({
      client: await tx.get("meta", "client"),
      rows: await this.#wholeRows(tx),
      revision: await tx.revision(),
      state: store.isAt(await LocalStore.whereabouts(tx)) ? null : await LocalStore.read(tx),
    }));
    this.#client = client;
    queue.show(rows, revision);
    if (state) this.#show(state);
    if (state && messages !== this.#messages) this.#rereadSoon();
    this.#hooks.changed();
    this.#hooks.reread();
  }

  async #wholeRows(tx) {
    const rows = await tx.rows();
    const unknown = rows.filter((row) => this.queue.argsOf(row) === undefined);
    if (rows.length > 0 && unknown.length === rows.length) return tx.all("mutations");
    const args = new Map((await tx.withArgs(unknown)).map((row) => [row.seq, row.args]));
    return rows.map((row) => ({ ...row, args: args.get(row.seq) ?? this.queue.argsOf(row) }));
  }

  #rereadSoon() {
    this.#rereadTimer ??= setTimeout(() => {
      this.#rereadTimer = null;
      this.#rereadNow();
    }, hearMs);
  }

  #rereadNow() {
    this.reread().catch((error) => console.warn("mizu: storage could not be read:", error));
  }

  #tookNews(news) {
    this.#channel?.postMessage({ patch: null, news });
    this.#journalTakes(news);
    if (!this.#take(news)) this.#rereadSoon();
    this.#hooks.changed();
  }

  #take(news) {
    return !news || this.queue.take(news);
  }

  #journalTakes(news) {
    if (!news || this.storage.kind !== "memory") return;
    const isDecided = ({ op, row }) => op === "remove" || (row && !row.queued);
    this.journal.remove(news.ops.filter(isDecided).map(({ row, id }) => row ?? { id }));
    if (news.ops.some(({ op }) => op === "clear")) this.journal.clear();
  }

  #show(state) {
    this.store.show(state);
    this.#hooks.read(state);
  }

  #copy() {
    const { position, sum, id, records } = this.store;
    const meta = position ? { position, sum, state: id } : {};
    if (this.#client) meta.client = this.#client;
    return { meta, records: [...records.values()], rows: this.queue.rows };
  }

  #switched() {
    this.#join();
    if (this.storage.kind !== "memory") this.journal.remove(this.queue.rows);
    this.#rereadNow();
  }

  #join() {
    this.#channel?.close();
    this.#channel = null;
    if (this.storage.kind !== "indexeddb" || typeof BroadcastChannel !== "function") return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
  }

  #heard(message) {
    const { patch, news, isReplaced, forgot } = message;
    this.#messages += 1;
    if (forgot) this.#hooks.forgot();
    const hasRecords = !isReplaced &&
      (!patch || this.store.patch(patch) || this.store.isPast(patch));
    const hasRows = hasRecords && this.#take(news);
    this.#hooks.heard({ ...message, isPatched: Boolean(patch) && hasRecords });
    this.#hooks.changed();
    if (isReplaced || (!patch && !news)) this.#rereadNow();
    else if (!hasRows) this.#rereadSoon();
  }
}

function isSame(one, other) {
  return one && other ? samePosition(one, other) : !one && !other;
}

// ── rounds.js

const timeoutMs = 30_000;
const pullLimit = 500;
const gapsMax = 4;

class BatchSize {
  #most = batchCountMax;

  get most() {
    return this.#most;
  }

  fitted() {
    this.#most = Math.min(batchCountMax, this.#most * 2);
  }

  wasTooLarge(count) {
    this.#most = Math.ceil(count / 2);
  }
}

async function pushRound({ replica, exchange, scope, user, size, settled }, signal) {
  const { queue } = replica;
  while (!signal.aborted) {
    const { client, batch } = await nextBatch(replica, size.most);
    if (batch.length === 0) return { ok: true };
    const body = pushBody(scope, client, user, batch);
    const outcome = await exchange.post("/_sync/push", body, isPushAnswer, timeoutMs);
    if (outcome.kind === "answer") {
      const results = await replica.change(async (tx) =>
        queue.settle(tx, batch, outcome.body.results, await tx.get("meta", "position")));
      size.fitted();
      settled(results);
      if (results.retry) return { ok: false, retry: results.retry };
    } else if (outcome.kind === "refusal" && outcome.code === "too_large") {
      if (batch.length > 1) size.wasTooLarge(batch.length);
      else await replica.change((tx) => queue.refuse(tx, batch[0], outcome.code, outcome.error));
    } else {
      return { ok: false, outcome, client };
    }
  }
  return { ok: false };
}

async function nextBatch({ storage, queue }, countMax) {
  const found = await storage.read(async (tx) => ({
    client: await tx.get("meta", "client"),
    batch: await queue.head(tx, countMax),
  }));
  if (found.client) return found;
  return { client: await storage.write(nameClient), batch: [] }; // storage was cleared
}

async function pullRound({ replica, exchange, scope, check, apply, answered, arrived }) {
  for (let gaps = 0; gaps <= gapsMax;) {
    const { asked, isGathering, settled } = await replica.storage.read(async (tx) => ({
      asked: await tx.get("meta", "position"),
      isGathering: (await tx.get("meta", "snapshot")) !== undefined,
      settled: (await tx.settledRows()).map((row) => row.id),
    }));
    const isStale = ({ position }) => asked !== undefined && samePosition(position, asked);
    if (!asked || isGathering) return { need: "snapshot", isStale };
    if (check.isDue) return { need: "snapshot", isStale: ({ id }) => id === check.staleID };
    const body = JSON.stringify({ v: 1, scope, ...asked, limit: pullLimit });
    const outcome = await exchange.post("/_sync/pull", body, isPullAnswer, timeoutMs);
    if (outcome.kind !== "answer") {
      if (outcome.kind === "refusal" && outcome.status === 410) return { need: "reset", isStale };
      return { ok: false, outcome };
    }
    answered();
    const { changes, next_cursor: cursor, epoch, has_more: hasMore, checksum } = outcome.body;
    const page = { changes, position: { cursor, epoch }, asked };
    const applied = await apply(page, hasMore !== true, settled);
    if (applied.gap) gaps += 1; // another tab was quicker, or the answer is not whole: ask again
    else if (hasMore !== true) {
      await arrived(page.position, checksum);
      return { ok: true };
    } else if (!applied.moved) gaps += 1;
  }
  return { ok: false };
}

// ── snapshot.js

const pageLimit = 1000;
const answerTimeoutMs = 30_000;

const givenUp = { ok: false };
const startOver = { ok: false, startOver: true };

async function snapshot({ replica, exchange, scope }) {
  const { storage, queue } = replica;
  let progress = await begin(storage, queue);
  for (;;) {
    const { path, json, isWellFormed } = request(scope, progress);
    const outcome = await exchange.post(path, json, isWellFormed, answerTimeoutMs);
    if (outcome.kind !== "answer") return stopped(storage, progress, outcome);
    const step = progress.stage === "pulling" ? pulled : gathered;
    const next = await replica.change(async (tx) => {
      if (!(await isOurs(tx, progress))) return givenUp;
      const next = await step(tx, progress, outcome.body);
      if (next.stage) await tx.put("meta", "snapshot", next);
      if (!next.ok) return next;
      await finish(tx, queue, progress.try, next);
      return { ...next, reread: true };
    });
    if (!next.stage) return next;
    progress = next;
  }
}

function begin(storage, queue) {
  return storage.write(async (tx) => {
    const found = await tx.get("meta", "snapshot");
    if (!found) {
      await tx.clear("aside");
      await queue.beginSnapshot(tx);
    }
    const progress = { stage: "begun", step: 0, ...found, try: randomID() };
    await tx.put("meta", "snapshot", progress);
    return progress;
  });
}

async function isOurs(tx, progress) {
  const found = await tx.get("meta", "snapshot");
  return found?.try === progress.try && found.step === progress.step;
}

function request(scope, { stage, at, next }) {
  const limit = pageLimit;
  if (stage === "pulling") {
    const json = JSON.stringify({ v: 1, scope, ...at, limit });
    return { path: "/_sync/pull", json, isWellFormed: isPullAnswer };
  }
  const json = JSON.stringify({ v: 1, scope, limit, next });
  return { path: "/_sync/snapshot", json, isWellFormed: isSnapshotAnswer };
}

async function gathered(tx, progress, { records, cursor, epoch, has_more: hasMore, next, checksum }) {
  await Promise.all(records.map(({ entity, id, data, version }) =>
    tx.put("aside", [entity, id], { entity, id, data, version })));
  const at = progress.at ?? { cursor, epoch };
  const step = progress.step + 1;
  if (hasMore === true) return { try: progress.try, step, stage: "gathering", at, next };
  if (progress.stage === "begun") return { ok: true, position: at, named: [], checksum };
  return { try: progress.try, step, stage: "pulling", at, named: [] };
}

async function pulled(tx, progress, { changes, next_cursor: cursor, epoch, has_more, checksum }) {
  const { at } = progress;
  const isWhole = changes.length === cursor - at.cursor &&
    changes.every((change, index) => change.cursor === at.cursor + 1 + index);
  if (!isWhole) return givenUp;
  await writeChanges(tx, "aside", changes);
  const own = await Promise.all(changes.map(({ mutation: id }) =>
    typeof id === "string" ? tx.row(id) : undefined));
  const named = [...progress.named, ...own.filter((row) => row).map((row) => row.id)];
  const position = { cursor, epoch };
  if (has_more !== true) return { ok: true, position, named, checksum };
  return { ...progress, step: progress.step + 1, at: position, named };
}

async function finish(tx, queue, id, { position, named }) {
  await LocalStore.swap(tx, position);
  await tx.put("meta", "state", id);
  await queue.endSnapshot(tx, position, named);
}

async function stopped(storage, progress, outcome) {
  if (outcome.kind !== "refusal") return givenUp;
  const { status } = outcome;
  const isStale = status === 410 || (status === 400 && progress.stage === "gathering");
  if (!isStale || progress.stage === "begun") return { ok: false, refusal: outcome };
  await storage.write(async (tx) => {
    if (!(await isOurs(tx, progress))) return;
    await tx.clear("aside");
    await tx.remove("meta", "snapshot");
  });
  return startOver;
}

// ── spread.js

const firstMs = 5000;
const capMs = 300_000;

class Spread {
  #doublings = 0;

  next() {
    const bound = Math.min(capMs, firstMs * 2 ** Math.min(this.#doublings, 16));
    this.#doublings += 1;
    return Math.random() * bound;
  }

  reset() {
    this.#doublings = 0;
  }
}

// ── state-check.js

const recountEachMs = 20_000;
const recountShare = 200; // a recount may take this part of the time between two of them

class StateCheck {
  isDue = false;
  staleID = null;
  #spread = new Spread();
  #timer = 0;
  #recountAt = 0;
  #onDue;

  constructor(onDue) {
    this.#onDue = onDue;
  }

  compare(own, told, id) {
    if (!own || typeof told !== "string") return;
    if (own === told) this.#spread.reset();
    else this.differs(id);
  }

  differs(id) {
    if (this.#timer || this.isDue) return;
    this.staleID = id;
    console.warn("mizu: the records here are not the server's, and will be fetched anew");
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.isDue = true;
      this.#onDue();
    }, this.#spread.next());
  }

  taken() {
    this.isDue = false;
  }

  get isRecountDue() {
    return performance.now() >= this.#recountAt;
  }

  recounted(beganAt) {
    const now = performance.now();
    this.#recountAt = now + Math.max(recountEachMs, (now - beganAt) * recountShare);
  }

  close() {
    clearTimeout(this.#timer);
  }
}

// ── turn.js

const leaseMs = 5000;
const renewMs = 1500;
const lookAgainMs = 150;
const askMs = 1000;
const questionsMax = leaseMs / askMs; // unanswered, one after the other; then the holder sleeps

function turnTaker(name, storage) {
  const oneAtATime = inOrder(); // the tab's own callers need not ask each other
  const hasLocks = typeof navigator.locks?.request === "function" &&
    typeof BroadcastChannel === "function";
  return (work) => oneAtATime(() => {
    if (storage.kind === "memory") return work(new AbortController().signal);
    return hasLocks ? underLock(name, work) : underLease(`lease:${name}`, storage, work);
  });
}

function inOrder() {
  let tail = Promise.resolve();
  return (work) => {
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
  };
}

async function underLock(name, work) {
  const channel = new BroadcastChannel(`${name}:turn`);
  const waiting = new AbortController();
  const stolen = new AbortController();
  let running = null;
  let isOver = false;
  let unanswered = 0;
  channel.onmessage = ({ data }) => {
    if (data === "sign") unanswered = 0;
    else if (running) channel.postMessage("sign");
  };
  const asking = setInterval(() => {
    if (running) return;
    if (unanswered >= questionsMax) waiting.abort();
    unanswered += 1;
    channel.postMessage("question");
  }, askMs);
  const hold = () => {
    running = work(stolen.signal);
    running.catch(() => {}).finally(() => { isOver = true; });
    channel.postMessage("sign"); // for those who were about to take it from the holder before
    return running;
  };
  try {
    return await requested(name, waiting.signal, hold);
  } catch (error) {
    if (!running || isOver || error?.name !== "AbortError") throw error;
    stolen.abort();
    await running.catch(() => {}); // it stops at its next step
    return { ok: false };
  } finally {
    clearInterval(asking);
    channel.close();
  }
}

async function requested(name, signal, hold) {
  try {
    return await navigator.locks.request(name, { signal }, hold);
  } catch (error) {
    if (!signal.aborted) throw error;
    return navigator.locks.request(name, { steal: true }, hold);
  }
}

async function underLease(key, storage, work) {
  const owner = randomID();
  const taken = new AbortController();
  while (!(await acquire(key, storage, owner))) {
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs * (1 + Math.random())));
  }
  const renewal = setInterval(async () => {
    const isOurs = await acquire(key, storage, owner).catch(() => true);
    if (!isOurs) taken.abort();
  }, renewMs);
  try {
    const outcome = await work(taken.signal);
    return taken.signal.aborted ? { ok: false } : outcome;
  } finally {
    clearInterval(renewal);
    await storage.write(async (tx) => {
      if ((await tx.get("meta", key))?.owner === owner) await tx.remove("meta", key);
    });
  }
}

function acquire(key, storage, owner) {
  return storage.write(async (tx) => {
    const lease = await tx.get("meta", key);
    const now = Date.now();
    const isAlive = lease && lease.until > now && lease.until <= now + leaseMs;
    if (isAlive && lease.owner !== owner) return false;
    await tx.put("meta", key, { owner, until: now + leaseMs });
    return true;
  });
}

// ── verdict.js

class Verdict {
  #replica;
  #session;
  #actions;
  #denied = null;

  constructor(replica, session, actions) {
    this.#replica = replica;
    this.#session = session;
    this.#actions = actions;
  }

  async on({ ok, halt, retry, outcome, client }) {
    if (outcome) return this.#onRefusal(outcome, client);
    if (!retry) return { ok, halt };
    const error = "The server cannot take edits at the moment. They are kept here.";
    return { ok: false, problem: { code: retry, error } };
  }

  onBroken(error) {
    console.warn("mizu: a round failed and will be tried again:", error);
    const text = `This browser could not keep what came: ${error}`;
    return { ok: false, problem: { code: "not_kept", error: text } };
  }

  async deny({ code, error }) {
    const isNews = !this.#actions.isDenied();
    const reason = { code, error };
    this.#actions.halt(reason);
    this.#denied = null;
    const edits = await loseScope(this.#replica, reason);
    if (isNews) this.#actions.lost(reason, edits);
    return { ok: false, halt: true };
  }

  async storedLate(reason) {
    if (reason?.code !== "scope_denied") return; // signed out: it waits for what its user says
    this.#actions.lost(reason, await loseScope(this.#replica, reason));
  }

  mayRead() {
    const denied = this.#denied;
    this.#denied = null;
    if (denied) this.#actions.refused(denied.reason, denied.edits);
  }

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

// ── sync-core.js

const catchUpMs = 1500; // how long a delta may take after a result before we pull
const noteContactMs = 600_000; // how old the stored time of the last contact may be
const probeMs = 1000; // how long rounds are tried although the browser says that it is offline

class SyncCore {
  replica;
  reach;
  lastSync = null;
  #session;
  #scope;
  #hooks;
  #exchange;
  #size = new BatchSize();
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

  get phase() {
    return this.#lanes.phase;
  }

  get isDenied() {
    return this.phase === "denied" || this.phase === "deniedEarly";
  }

  get isOpen() {
    return this.phase === "open" || this.phase === "resetting";
  }

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

  ask(lane) {
    this.#lanes.ask(lane);
  }

  hasten() {
    this.#lanes.hasten();
  }

  async now(lane) {
    return (await this.#lanes.now(lane)).ok;
  }

  syncNow(ageMs) {
    if (this.isDenied) return;
    this.#exchange.abort(ageMs);
    this.now("push");
    this.now("pull");
  }

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

  heardOfHead() {
    const now = new Date();
    const isDue = !this.lastSync || now - this.lastSync > noteContactMs;
    this.lastSync = now;
    if (isDue) this.replica.storage.write((tx) => tx.put("meta", "syncedAt", now)).catch(() => {});
    this.#hooks.told();
  }

  deny(refusal) {
    return this.#verdict.deny(refusal);
  }

  async stored() {
    if (this.isDenied) await this.#verdict.storedLate(this.reach.problemOf("scope"));
    else this.ask("push");
  }

  halt({ code, error }) {
    this.#lanes.send("denied");
    this.reach.setProblem("scope", { code, error });
    this.#hooks.denied();
  }

  allow() {
    this.#lanes.send("allowed");
    this.reach.setProblem("scope", null);
  }

  probe(lanes = ["push", "pull"]) {
    for (const lane of lanes) this.#probeUntil[lane] = performance.now() + probeMs;
  }

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

  #settled({ behind, pull }) {
    if (pull || (behind && !this.reach.isLiveOpen)) {
      this.ask("pull");
    } else if (behind) {
      setTimeout(() => {
        if (this.replica.queue.rows.some((row) => row.result)) this.ask("pull");
      }, catchUpMs);
    }
  }

  async #round(lane, work) {
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

  async #replaced(isOthers) {
    if (this.isDenied) return forgetState(this.replica); // denied while it was on the way
    this.lastSync = new Date();
    await this.replica.change(async (tx) => {
      await tx.put("meta", "syncedAt", this.lastSync);
      return { reread: isOthers };
    });
    this.#hooks.replaced();
  }

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

// ── sync-status.js

function syncStatus({ reach, phase, lastSync, replica }, saver, view) {
  const { queue, storage, store } = replica;
  const waiting = queue.waiting.length;
  const isFetching = !store.position || phase === "opening" || phase === "resetting";
  return {
    state: reach.state(waiting > 0 || isFetching),
    waiting,
    refused: queue.refused.map(({ id, name, args, refusal }) => ({ id, name, args, ...refusal })),
    lastSync,
    storage: storage.kind,
    isStorageLost: storage.isLost,
    isHidden: view.isHidden,
    problem: saver.problem ?? reach.problem,
  };
}

// ── replay.js

const grantEntity = "mizu.grant"; // who may what in a scope: id is the user's, {"role":"…"}

class Overlay {
  #base;
  #user;
  #over = new Map();
  #draft = null;
  failures = [];
  pending = new Set();

  constructor(base, rows, appliers, user = "") {
    this.#base = base;
    this.#user = user;
    for (const row of rows) if (row.replayed) this.#replay(row, appliers[row.name]);
  }

  get(entity, id) {
    return this.#find(recordKey(entity, id))?.data;
  }

  all(entity) {
    return this.#records(entity).map((record) => record.data);
  }

  entries(entity) {
    return this.#records(entity).map((record) => [record.id, record.data]);
  }

  get role() {
    return (this.#user && this.get(grantEntity, this.#user)?.role) || null;
  }

  isPending(entity, id) {
    return this.pending.has(recordKey(entity, id));
  }

  get written() {
    return this.#over;
  }

  #replay(row, applier) {
    if (typeof applier !== "function") return;
    const mutation = { id: row.id, time: row.time, user: this.#user || null, role: this.role };
    this.#draft = new Map();
    const store = {
      get: (entity, id) => this.get(entity, id),
      all: (entity) => this.all(entity),
      put: (entity, id, data) => this.#draft.set(recordKey(entity, id), { entity, id, data }),
      remove: (entity, id) => this.#draft.set(recordKey(entity, id), null),
    };
    try {
      applier(store, row.args, mutation);
      for (const [key, record] of this.#draft) {
        this.#over.set(key, record);
        if (row.queued) this.pending.add(key);
      }
    } catch (error) {
      this.failures.push({ row, error });
    } finally {
      this.#draft = null;
    }
  }

  #records(entity) {
    const over = this.#draft ? new Map([...this.#over, ...this.#draft]) : this.#over;
    const found = [];
    for (const [key, record] of this.#base) {
      if (record.entity === entity && !over.has(key)) found.push(record);
    }
    for (const record of over.values()) if (record?.entity === entity) found.push(record);
    return found;
  }

  #find(key) {
    if (this.#draft?.has(key)) return this.#draft.get(key) ?? undefined;
    if (this.#over.has(key)) return this.#over.get(key) ?? undefined;
    return this.#base.get(key);
  }
}

// ── applier-check.js

const isTimeText = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);

function differences(records, row, appliers, user, changes) {
  const overlay = new Overlay(records, [{ ...row, replayed: true }], appliers, user);
  if (typeof appliers[row.name] !== "function" || overlay.failures.length > 0) return [];
  const confirmed = new Map(changes.map((one) => [recordKey(one.entity, one.id), one]));
  const found = [];
  for (const key of new Set([...overlay.written.keys(), ...confirmed.keys()])) {
    const [entity, id] = JSON.parse(key);
    const change = confirmed.get(key);
    const before = records.get(key)?.data;
    const shown = overlay.get(entity, id);
    const made = change ? (change.op === "delete" ? undefined : change.data) : before;
    if (!entity.startsWith("mizu.") && !agrees(shown, made)) {
      found.push({ entity, id, shown, confirmed: made });
    }
  }
  return found;
}

function agrees(shown, made) {
  if (isTimeText(shown) && isTimeText(made)) return true;
  const isObject = (value) => value !== null && typeof value === "object";
  if (!isObject(made) || !isObject(shown)) return shown === made;
  if (Array.isArray(made) !== Array.isArray(shown)) return false;
  if (Array.isArray(made) && made.length !== shown.length) return false;
  return Object.entries(made).every(([name, value]) => agrees(shown[name], value));
}

// ── applier-watch.js

const toldMax = 1000; // ids remembered; then it may tell something a second time

class ApplierWatch {
  #scope;
  #appliers;
  #user;
  #onError;
  #told = new Set();

  constructor(scope, appliers, user, onError) {
    this.#scope = scope;
    this.#appliers = appliers;
    this.#user = user;
    this.#onError = onError;
  }

  failed(failures) {
    for (const { row, error } of failures) this.#tell("applier", row, error);
  }

  compare(records, rows, changes) {
    if (!globalThis.mizuDev) return;
    const own = new Map(rows.filter((row) => row.replayed).map((row) => [row.id, row]));
    const before = new Map(records);
    for (let at = 0; at < changes.length;) {
      const { mutation } = changes[at];
      let end = at + 1;
      while (end < changes.length && changes[end].mutation === mutation) end += 1;
      const part = changes.slice(at, end);
      if (own.has(mutation)) this.#differ(before, own.get(mutation), part);
      for (const one of part) {
        const key = JSON.stringify([one.entity, one.id]);
        if (one.op === "delete") before.delete(key);
        else before.set(key, one);
      }
      at = end;
    }
  }

  #differ(before, row, changes) {
    const found = differences(before, row, this.#appliers, this.#user, changes);
    if (found.length === 0) return;
    const words = found.map(({ entity, id, shown, confirmed }) =>
      `${entity} ${id}: shown ${written(shown)}, confirmed ${written(confirmed)}`);
    const error = new Error(`the applier of ${row.name} is not its mutator: ${words.join("; ")}`);
    this.#tell("difference", row, error, found);
  }

  #tell(kind, { id, name, args }, error, found) {
    const key = `${kind} ${id}`;
    if (this.#told.has(key)) return;
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.add(key);
    const scope = this.#scope;
    queueMicrotask(() => {
      const text = `mizu: ${kind} of ${name} (${id}):`;
      if (kind === "applier") console.error(text, error);
      else console.warn(text, error.message);
      globalThis.mizuDev?.panel?.told?.(`${name}: ${error.message ?? error}`);
      this.#onError({ kind, scope, mutation: { id, name, args }, error, differences: found });
    });
  }
}

const written = (value) => value === undefined ? "nothing" : JSON.stringify(value);

// ── lease.js

const dayMs = 86_400_000;

function isLeaseOver(days, contact, nowMs = Date.now()) {
  if (!(days > 0) || !contact) return false;
  const age = nowMs - contact.getTime();
  return age > days * dayMs || age < -dayMs;
}

// ── view.js

const emptyOverlay = () => new Overlay(new Map(), [], {});

class View {
  #core;
  #user;
  #appliers;
  #initial;
  #leaseDays;
  #watch;
  #overlay = null;
  #wasHidden = false;

  constructor(core, user, { scope, appliers, initial, leaseDays, onError }) {
    this.#core = core;
    this.#user = user;
    this.#appliers = appliers;
    this.#initial = recordsByKey(initial);
    this.#leaseDays = leaseDays;
    this.#watch = new ApplierWatch(scope, appliers, user, onError);
  }

  get overlay() {
    this.#wasHidden = this.isHidden;
    if (!this.isShown) return emptyOverlay();
    if (this.#overlay) return this.#overlay;
    const { store, queue } = this.#core.replica;
    const base = store.position ? store.records : this.#initial;
    this.#overlay = new Overlay(base, queue.rows, this.#appliers, this.#user);
    this.#watch.failed(this.#overlay.failures);
    return this.#overlay;
  }

  get isShown() {
    return !this.#core.isDenied && !this.isHidden;
  }

  get isHidden() {
    const { lastSync, replica } = this.#core;
    return isLeaseOver(this.#leaseDays, replica.store.position && lastSync);
  }

  get hasTurned() {
    return this.isHidden !== this.#wasHidden;
  }

  changed() {
    this.#overlay = null;
  }

  forgot() {
    this.#initial = new Map();
    this.#overlay = null;
  }

  arriving(changes) {
    const { store, queue } = this.#core.replica;
    this.#watch.compare(store.records, queue.rows, changes);
  }
}

// ── sync-client.js

class SyncClient {
  ready;
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

  get(entity, id) {
    return this.#view.overlay.get(entity, id);
  }

  all(entity) {
    return this.#view.overlay.all(entity);
  }

  entries(entity) {
    return this.#view.overlay.entries(entity);
  }

  get role() {
    return this.#view.overlay.role;
  }

  statusOf(entity, id) {
    return this.#view.overlay.isPending(entity, id) ? "pending" : "synced";
  }

  get edits() {
    return this.#replica.queue.rows.map(({ id, name, args, time, queued, replayed, refusal }) =>
      ({ id, name, args, time, queued, replayed, refusal }));
  }

  get isShown() {
    return this.#view.isShown;
  }

  get position() {
    return this.#replica.store.position;
  }

  get status() {
    return syncStatus(this.#core, this.#saver, this.#view);
  }

  subscribe(listener) {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  mutate(name, args = {}) {
    if (this.#core.phase === "closed") throw new Error("this client is closed");
    const row = this.#replica.queue.add(name, args);
    this.#changed();
    this.#saver.save(row);
    this.#session.edited();
    return row.id;
  }

  async saved(id) {
    await this.#saver.saved(id);
  }

  async retry(id) {
    await this.ready;
    const row = await this.#replica.change((tx) => this.#replica.queue.retry(tx, id));
    this.#core.ask("push");
    return row?.id ?? null;
  }

  async discard(id) {
    await this.ready;
    await this.#replica.change((tx) => this.#replica.queue.discard(tx, id));
  }

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

  async resume({ withEdits = true } = {}) {
    await this.ready;
    if (withEdits) await takeBack(this.#replica, "scope_denied");
    this.#core.allow();
    this.#follower.resubscribe();
    return this.sync();
  }

  async signOut() {
    await this.ready;
    this.#core.halt({ code: "signed_out", error: "You are signed out." });
    await forgetAll(this.#replica);
  }

  async lose(reason) {
    await this.ready;
    await this.#core.deny(reason);
  }

  async setAsideQueues() {
    await this.ready;
    return setAsideQueues(this.#replica);
  }

  async restoreQueue(client) {
    await this.ready;
    const isRestored = await restoreQueue(this.#replica, client);
    if (isRestored) this.sync();
    return isRestored;
  }

  async discardQueue(client) {
    await this.ready;
    return discardQueue(this.#replica, client);
  }

  replay() {
    this.#changed();
  }

  close() {
    this.#session.leave(this.#member);
    this.#follower.unsubscribe();
    this.#core.close();
  }

  async follow(live) {
    await this.ready;
    this.#follower.follow(live);
  }

  receive(message) {
    this.#follower.receive(message);
  }

  liveChanged(status) {
    this.#session.liveChanged(status);
  }

  async #syncNow(ageMs) {
    this.#tell();
    await this.ready;
    if (ageMs === Infinity && this.#core.reach.isLiveOpen) return;
    this.#core.syncNow(ageMs);
  }

  async #probe() {
    await this.ready;
    this.#core.probe(["pull"]);
    const isAnswered = await this.#core.now("pull");
    if (isAnswered) this.#core.now("push");
    return isAnswered;
  }

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

// ── kept-edits.js

const keptDatabase = "mizu-kept";
const keptStore = "kept";
const keyBytes = 32;
const keptMax = 32; // sign-outs whose edits a device keeps
const bytesMax = 16 * 1024 * 1024; // of all but the last
const keptCookie = "mizu-kept";
const cookieSeconds = 400 * 86400; // the longest that browsers take; each start of a hub renews it

async function sealsOf(texts) {
  const seals = [];
  for (const text of globalThis.crypto?.subtle ? texts : []) {
    const raw = bytesOf(text);
    if (raw?.length !== keyBytes) continue;
    const named = new Uint8Array([...new TextEncoder().encode("mizu-kept\0"), ...raw]);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", named));
    const label = Array.from(digest.slice(0, 16), (one) => one.toString(16).padStart(2, "0")).join("");
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
    seals.push({ label, key });
  }
  return seals;
}

async function keepSealed({ label, key }, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const text = new TextEncoder().encode(JSON.stringify(value));
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, text);
  await withStore("readwrite", (kept) => {
    let [count, bytes] = [1, data.byteLength];
    const older = kept.openCursor(null, "prev"); // keys grow: the latest first
    older.onsuccess = () => {
      const cursor = older.result;
      if (!cursor) return kept.add({ label, iv, data });
      count += 1;
      bytes += cursor.value.data.byteLength;
      if (count > keptMax || bytes > bytesMax) cursor.delete();
      cursor.continue();
    };
    return [];
  });
  tellKept(true);
}

async function takeSealed(seals, take) {
  if (seals.length === 0) return;
  const [keys, values] = await withStore("readonly", (kept) => [kept.getAllKeys(), kept.getAll()]);
  let left = values.length;
  for (const [index, { label, iv, data }] of values.entries()) {
    const seal = seals.find((one) => one.label === label);
    if (!seal) continue;
    const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, seal.key, data)
      .catch(() => null); // not what was kept: nobody can open it
    if (text) await take(JSON.parse(new TextDecoder().decode(text)));
    await withStore("readwrite", (kept) => kept.delete(keys[index]));
    left -= 1;
  }
  tellKept(left > 0);
}

function tellKept(isAny) {
  if (typeof document === "undefined") return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const age = isAny ? cookieSeconds : 0;
  document.cookie = `${keptCookie}=${isAny ? 1 : ""}; Path=/; SameSite=Lax; Max-Age=${age}${secure}`;
}

async function withStore(mode, work) {
  const opened = await new Promise((resolve, reject) => {
    const request = indexedDB.open(keptDatabase, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(keptStore, { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = opened.transaction(keptStore, mode, { durability: "strict" });
      const requests = [work(transaction.objectStore(keptStore))].flat();
      transaction.oncomplete = () => resolve(requests.map((one) => one.result));
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    opened.close();
  }
}

function bytesOf(text) {
  try {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (one) => one.charCodeAt(0));
  } catch {
    return null;
  }
}

// ── device.js

const storagePrefix = "mizu:";
const deleteBoundMs = 3000; // a tab that does not let go ends it later, by itself

const homeOf = (user) => `user:${user}`;

async function storagesFor(baseURL) {
  const names = new Set([...await databaseNames(), ...Journal.storages()]);
  return [...names].map(partsOf).filter((one) => one?.baseURL === baseURL);
}

async function editsOnDevice(baseURL, user) {
  const databases = new Set(await databaseNames());
  const found = [];
  for (const one of await storagesFor(baseURL)) {
    if (one.user !== user) continue;
    const stored = databases.has(one.name) ? await readStorage(one.name) : emptyStorage;
    const known = new Set(stored.rows.map((row) => row.id));
    const journal = new Journal(one.name).rows().filter((row) => !known.has(row.id));
    const rows = [...stored.rows, ...journal].filter((row) => row.queued || row.refusal);
    found.push({ name: one.name, scope: one.scope, client: stored.client, rows, aside: stored.aside });
  }
  return found;
}

const countOf = (found) =>
  found.reduce((sum, { rows, aside }) =>
    sum + rows.length + aside.reduce((more, one) => more + one.rows.length, 0), 0);

async function keepEdits(seal, found) {
  const some = found.filter((one) => countOf([one]) > 0);
  if (some.length > 0) await keepSealed(seal, some.map(({ name: _, ...one }) => one));
}

async function putBack(baseURL, user, kept) {
  for (const { scope, client, rows, aside } of kept) {
    const name = storageName(baseURL, scope, user);
    await withStorage(name, (tx) => restore(tx, client, rows, aside));
    tellToRead(name);
  }
}

async function forgetUser(baseURL, user) {
  for (const one of await storagesFor(baseURL)) {
    if (one.user === user) await deleteStorage(one.name);
  }
}

async function forgetOthers(baseURL, user) {
  const others = new Set((await storagesFor(baseURL)).map((one) => one.user));
  for (const other of others) {
    if (other !== user && other !== "") await forgetLeft(baseURL, other);
  }
}

async function forgetLeft(baseURL, other) {
  const found = await editsOnDevice(baseURL, other);
  const seal = await new Notes(storageName(baseURL, homeOf(other), other)).get("seal");
  if (seal) await keepEdits(seal, found);
  for (const one of found) {
    if (seal || countOf([one]) === 0) await deleteStorage(one.name);
    else await withStorage(one.name, (tx) => LocalStore.forget(tx)).catch(() => {});
  }
}

class Notes {
  #name;
  #memory = new Map();

  constructor(name) {
    this.#name = name;
  }

  async get(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    if (!(await databaseNames()).includes(this.#name)) return undefined;
    return withStorage(this.#name, (tx) => tx.get("meta", key)).catch(() => undefined);
  }

  async put(key, value) {
    this.#memory.set(key, value);
    await withStorage(this.#name, (tx) => tx.put("meta", key, value)).catch(() => {});
  }
}

const emptyStorage = { client: null, rows: [], aside: [] };

async function restore(tx, client, rows, aside) {
  if (client && !(await tx.get("meta", "position"))) await tx.put("meta", "client", client);
  for (const row of rows) await tx.append(row);
  const list = (await tx.get("meta", "setAside")) ?? [];
  const isNew = (one) => !list.some((known) => known.client === one.client && known.time === one.time);
  await tx.put("meta", "setAside", [...list, ...aside.filter(isNew)]);
}

const readStorage = (name) => withStorage(name, async (tx) => ({
  client: (await tx.get("meta", "client")) ?? null,
  rows: await tx.all("mutations"),
  aside: (await tx.get("meta", "setAside")) ?? [],
}));

async function withStorage(name, work) {
  const storage = new IndexedStorage(name, () => {});
  try {
    return (await storage.transact(work)).result;
  } finally {
    storage.close();
  }
}

function deleteStorage(name) {
  new Journal(name).clear();
  return new Promise((resolve) => {
    setTimeout(resolve, deleteBoundMs);
    try {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = request.onerror = () => resolve();
    } catch {
      resolve();
    }
  });
}

async function databaseNames() {
  try {
    return (await indexedDB.databases()).map(({ name }) => name);
  } catch {
    return []; // no IndexedDB: there is nothing beside the journals
  }
}

function partsOf(name) {
  try {
    if (!name.startsWith(storagePrefix)) return null;
    const [baseURL, scope, user] = JSON.parse(name.slice(storagePrefix.length));
    return typeof user === "string" ? { name, baseURL, scope, user } : null;
  } catch {
    return null;
  }
}

function tellToRead(name) {
  if (typeof BroadcastChannel !== "function") return;
  const channel = new BroadcastChannel(name);
  channel.postMessage({ patch: null, news: null });
  channel.close();
}

// ── scope-list.js

function scopesOf(entries) {
  return entries.map(([scope, data]) => ({ role: null, ...data, scope }))
    .sort((a, b) => a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0);
}

function scopeChanges(before, after) {
  const [old, now] = [before, after].map((list) => new Map(list.map((one) => [one.scope, one])));
  const came = [...now.keys()].filter((scope) => !old.has(scope));
  const went = [...old.keys()].filter((scope) => !now.has(scope));
  const isSame = came.length + went.length === 0 &&
    after.every((one) => JSON.stringify(one) === JSON.stringify(old.get(one.scope)));
  return { came, went, isSame };
}

function stateOf(states) {
  return ["offline", "error", "syncing"].find((one) => states.includes(one)) ?? "online";
}

// ── who.js

const leftCookie = "mizu-left";
const sessionTimeoutMs = 10_000;
const keyOf = (baseURL) => `mizu-user:${baseURL}`;

async function whoAmI({ baseURL = "" } = {}) {
  const told = await asked(baseURL);
  const nobody = { user: null, name: null, deviceKeys: [] };
  if (told === null) return { ...nobody, ...rememberedUser(baseURL), source: "device" };
  if (told === undefined) return { ...nobody, source: "unsupported" };
  const isSomebody = typeof told.user === "string" && told.user !== "";
  if (baseURL === "") await takeLeft(isSomebody ? told.user : null);
  if (!isSomebody) {
    rememberUser(baseURL, null);
    return { ...nobody, source: "server" };
  }
  const name = typeof told.name === "string" ? told.name : null;
  const keys = Array.isArray(told.device_keys) ? told.device_keys : [];
  rememberUser(baseURL, { user: told.user, name });
  const deviceKeys = keys.filter((key) => typeof key === "string");
  return { user: told.user, name, deviceKeys, source: "server" };
}

function rememberedUser(baseURL) {
  try {
    return parsed(localStorage.getItem(keyOf(baseURL)));
  } catch {
    return null;
  }
}

function rememberUser(baseURL, one) {
  try {
    if (one) localStorage.setItem(keyOf(baseURL), JSON.stringify(one));
    else localStorage.removeItem(keyOf(baseURL));
  } catch { /* no storage: then nobody is remembered */ }
}

function watchUser(baseURL, heard, signal) {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === keyOf(baseURL) || key === null) heard(key === null ? null : parsed(newValue));
  }, { signal });
}

async function takeLeft(user) {
  if (typeof document === "undefined") return;
  try {
    const left = document.cookie.split("; ").find((one) => one.startsWith(`${leftCookie}=`));
    if (!left) return;
    const other = decodeURIComponent(left.slice(leftCookie.length + 1));
    if (other !== "" && other !== user) await forgetLeft("", other);
    document.cookie = `${leftCookie}=; Path=/; Max-Age=0`;
  } catch (error) {
    console.warn("mizu: what somebody has left here is still here:", error); // the next page tries again
  }
}

async function asked(baseURL) {
  try {
    const response = await fetch(`${baseURL.replace(/\/+$/, "")}/_sync/session`, {
      headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store",
      redirect: "error", signal: AbortSignal.timeout(sessionTimeoutMs),
    });
    if (response.status === 404) return undefined;
    const body = response.ok ? await response.json() : null;
    return body !== null && typeof body === "object" && "user" in body ? body : null;
  } catch {
    return null;
  }
}

function parsed(text) {
  try {
    const one = JSON.parse(text);
    return typeof one?.user === "string" ? { user: one.user, name: one.name ?? null } : null;
  } catch {
    return null;
  }
}

// ── sync-hub.js

const nothing = () => {};
const isLost = (client) => client.status.problem?.code === "scope_denied";
const goneReason = { code: "scope_denied", error: "You are no longer a member here." };

class SyncHub {
  ready;
  user;
  home = null;
  live = null;
  #options;
  #session;
  #notes;
  #open = new Map();
  #listed = [];
  #dealing = Promise.resolve();
  #subscribers = new Set();
  #stop = new AbortController();
  #seals = [];

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

  get scopes() {
    return this.#listed;
  }

  get clients() {
    return [...this.#open.values()].map((one) => one.client);
  }

  get status() {
    const all = [this.home, ...this.clients].filter(Boolean).map((one) => one.status);
    const sum = (count) => all.reduce((total, one) => total + count(one), 0);
    return {
      state: stateOf(all.map((one) => one.state)),
      waiting: sum((one) => one.waiting),
      refused: sum((one) => one.refused.length),
    };
  }

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

  close(scope) {
    const entry = this.#open.get(scope);
    if (!entry || entry.count === 0) return;
    entry.count -= 1;
    entry.client.ready.then(() => this.#endIfDone(entry));
  }

  closeAll() {
    this.#end();
  }

  async sync() {
    const clients = [this.home, ...this.clients].filter(Boolean);
    return (await Promise.all(clients.map((one) => one.sync()))).every(Boolean);
  }

  subscribe(listener) {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

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

  async #refresh() {
    const who = await whoAmI({ baseURL: this.#session.baseURL });
    if (who.source !== "server") return who.source === "device";
    return who.user !== null && !this.#isOther(who);
  }

  async #isSomebodyElse() {
    const who = await whoAmI({ baseURL: this.#session.baseURL });
    return this.#isOther(who) || (who.source === "server" && who.user === null);
  }

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

// ── version.js

const version = "0.1.0-7a1f879d8b8a";

// ── mizu.js


export { askToPersist, LiveClient, oncePerFrame, orderedID, randomID, SyncClient, SyncHub, version, whoAmI };
