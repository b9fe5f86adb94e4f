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
    this.#attempt = 0; // an open port proves nothing, a message does
    if (this.#status === "silent") this.#become("open");
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours to understand; a later protocol may have binary messages
    }
    if (message === null || typeof message !== "object") return;
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
  #onOutcome;
  #flights = new Set();

  constructor(baseURL, onOutcome) {
    this.#baseURL = baseURL.replace(/\/+$/, "");
    this.#onOutcome = onOutcome;
  }

  async post(path, json, isWellFormed, timeoutMs) {
    const flight = { controller: new AbortController(), since: performance.now() };
    const slow = setTimeout(() => this.#onOutcome("slow"), slowMs);
    const deadline = setTimeout(() => flight.controller.abort(), timeoutMs);
    this.#flights.add(flight);
    try {
      const outcome = await this.#send(path, json, isWellFormed, flight.controller.signal);
      this.#onOutcome(outcome.kind);
      return outcome;
    } catch (error) {
      this.#onOutcome("none");
      return { kind: "none", reason: String(error?.message ?? error) };
    } finally {
      clearTimeout(slow);
      clearTimeout(deadline);
      this.#flights.delete(flight);
    }
  }

  abort(ageMs = 0) {
    const now = performance.now();
    for (const flight of this.#flights) {
      if (now - flight.since >= ageMs) flight.controller.abort();
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

  liveChanged(status) {
    const reach = this.#reach;
    const wasOpen = reach.isLiveOpen;
    if (status === "connecting") this.isSubscribed = false;
    reach.liveChanged(status);
    if (status === "open" && !wasOpen) this.#actions.syncNow(staleRequestMs);
    else if (status !== "open" && wasOpen) this.#actions.syncNow(Infinity);
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

function pushBody(scope, client, batch) {
  const mutations = batch.map(({ id, name, args }) => ({ id, name, args }));
  return JSON.stringify({ v: 1, scope, client, mutations });
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
  const json = JSON.stringify({ id, name, args });
  return {
    id, name,
    args: JSON.parse(json).args, // ours from now on, and exactly what will be sent
    time: new Date().toISOString(),
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

// ── replay.js

class Overlay {
  #base;
  #over = new Map();
  #draft = null;
  pending = new Set();

  constructor(base, rows, appliers) {
    this.#base = base;
    for (const row of rows) if (row.replayed) this.#replay(row, appliers[row.name]);
  }

  get(entity, id) {
    return this.#find(recordKey(entity, id))?.data;
  }

  all(entity) {
    const found = [];
    for (const [key, record] of this.#base) {
      if (record.entity === entity && !this.#over.has(key)) found.push(record.data);
    }
    for (const record of this.#over.values()) {
      if (record?.entity === entity) found.push(record.data);
    }
    return found;
  }

  isPending(entity, id) {
    return this.pending.has(recordKey(entity, id));
  }

  #replay(row, applier) {
    if (typeof applier !== "function") return;
    this.#draft = new Map();
    const store = {
      get: (entity, id) => this.get(entity, id),
      put: (entity, id, data) => this.#draft.set(recordKey(entity, id), { entity, id, data }),
      remove: (entity, id) => this.#draft.set(recordKey(entity, id), null),
    };
    try {
      applier(store, row.args, { id: row.id, time: row.time });
      for (const [key, record] of this.#draft) {
        this.#over.set(key, record);
        if (row.queued) this.pending.add(key);
      }
    } catch {
    } finally {
      this.#draft = null;
    }
  }

  #find(key) {
    if (this.#draft?.has(key)) return this.#draft.get(key) ?? undefined;
    if (this.#over.has(key)) return this.#over.get(key) ?? undefined;
    return this.#base.get(key);
  }
}

// ── set-aside.js

const copiesPrefix = "mizu-"; // of all caches that a service worker of ours makes

async function forgetState(replica) {
  await replica.change(async (tx) => {
    await LocalStore.forget(tx);
    return { reread: true, forgot: true };
  });
  await deleteCopies();
}

async function setAside(replica, refused) {
  await replica.change(async (tx) => {
    if ((await tx.get("meta", "client")) !== refused) return undefined;
    await putAside(tx, await listed(tx));
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
    await putAside(tx, list.filter((one) => one !== found));
    await beginAnew(tx, client);
    for (const row of found.rows) await tx.append(row);
    return { reread: true };
  });
  return restored !== undefined;
}

async function forgetAll(replica) {
  await replica.change(async (tx) => {
    await beginAnew(tx, randomID());
    await tx.remove("meta", "setAside");
    return { reread: true, forgot: true, signedOut: true };
  });
  replica.journal.clear();
  await deleteCopies();
}

const listed = async (tx) => (await tx.get("meta", "setAside")) ?? [];

async function putAside(tx, list) {
  const rows = await tx.all("mutations");
  const client = await tx.get("meta", "client");
  const time = new Date().toISOString();
  const entry = rows.length > 0 ? [{ client, rows, time }] : [];
  await tx.put("meta", "setAside", [...list, ...entry]);
}

async function beginAnew(tx, client) {
  await LocalStore.forget(tx);
  await tx.clearRows();
  await tx.put("meta", "client", client);
}

async function deleteCopies() {
  try {
    for (const name of await caches.keys()) {
      if (name.startsWith(copiesPrefix)) await caches.delete(name);
    }
  } catch { /* no caches over plain http; then there are no copies, either */ }
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
  #http = "unknown";
  #live = "closed";
  #isHintWrong = false;
  #problems = new Map();

  get isLiveOpen() {
    return this.#live === "open";
  }

  get isSaidOffline() {
    return navigator.onLine === false && !this.#isHintWrong;
  }

  get isSilent() {
    return this.#http === "silent";
  }

  get problem() {
    return this.#problems.values().next().value ?? null;
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

  setProblem(lane, problem) {
    if (problem) this.#problems.set(lane, problem);
    else this.#problems.delete(lane);
  }

  state(isBusy) {
    if (this.isSaidOffline || this.#http === "silent" || this.#live === "silent") {
      return "offline";
    }
    if (this.problem) return "error";
    return isBusy || this.#http === "unknown" ? "syncing" : "online";
  }
}

// ── journal.js

class Journal {
  #prefix;
  #keys = new Map();

  constructor(name) {
    this.#prefix = `mizu-journal:${name}:`;
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

const openBoundMs = 2500; // somebody looks at the page, and what they type must be kept somewhere

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

  async #perform(act, isSecondTry = false) {
    const inner = this.#inner;
    try {
      const result = await act(inner);
      if (this.#inner === inner) return result;
    } catch (error) {
      if (this.#inner === inner) {
        if (isSecondTry || !wasEndedByBrowser(error)) throw error;
        return this.#perform(act, true);
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
    const { patch = null, forgot = false, signedOut = false } = result ?? {};
    this.#client = client;
    const hasRows = this.#take(news);
    if (state) this.#show(state);
    const hasRecords = !patch || store.patch(patch);
    if (forgot) this.#hooks.forgot();
    if (patch || state || news) {
      this.#channel?.postMessage({ patch, news, isReplaced: state !== null, forgot, signedOut });
    }
    this.#hooks.changed();
    if (!hasRecords) await this.reread();
    else if (!hasRows || !store.isAt(at)) this.#rereadSoon();
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
    if (!this.#take(news)) this.#rereadSoon();
    this.#hooks.changed();
  }

  #take(news) {
    if (!news) return true;
    if (this.storage.kind === "memory") {
      const isDecided = ({ op, row }) => op === "remove" || (row && !row.queued);
      this.journal.remove(news.ops.filter(isDecided).map(({ row, id }) => row ?? { id }));
      if (news.ops.some(({ op }) => op === "clear")) this.journal.clear();
    }
    return this.queue.take(news);
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
    const hasRows = this.#take(news);
    const hasRecords = !patch || this.store.patch(patch) || this.store.isPast(patch);
    this.#hooks.heard({ ...message, isPatched: Boolean(patch) && hasRecords });
    this.#hooks.changed();
    if (isReplaced || (!patch && !news)) this.#rereadNow();
    else if (!hasRows || !hasRecords) this.#rereadSoon();
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

async function pushRound({ replica, exchange, scope, size, settled }, signal) {
  const { queue } = replica;
  while (!signal.aborted) {
    const { client, batch } = await nextBatch(replica, size.most);
    if (batch.length === 0) return { ok: true };
    const body = pushBody(scope, client, batch);
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

async function snapshot({ storage, exchange, queue, scope }) {
  let progress = await begin(storage, queue);
  for (;;) {
    const { path, json, isWellFormed } = request(scope, progress);
    const outcome = await exchange.post(path, json, isWellFormed, answerTimeoutMs);
    if (outcome.kind !== "answer") return stopped(storage, progress, outcome);
    const step = progress.stage === "pulling" ? pulled : gathered;
    const next = await storage.write(async (tx) => {
      if (!(await isOurs(tx, progress))) return givenUp;
      const next = await step(tx, progress, outcome.body);
      if (next.stage) await tx.put("meta", "snapshot", next);
      else if (next.ok) await finish(tx, queue, progress.try, next);
      return next;
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

// ── sync-core.js

const catchUpMs = 1500; // how long a delta may take after a result before we pull
const probeMs = 1000; // how long rounds are tried although the browser says that it is offline

class SyncCore {
  replica;
  reach = new Reachability();
  lastSync = null;
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

  constructor(name, baseURL, scope, hooks) {
    this.#scope = scope;
    this.#hooks = hooks;
    this.replica = new Replica(name, {
      changed: hooks.changed,
      read: (state) => this.#read(state),
      heard: (message) => this.#heard(message),
      reread: () => this.#reread(),
      forgot: hooks.forgot,
    });
    const { storage } = this.replica;
    this.#pushTurn = turnTaker(`${name}:push`, storage);
    this.#snapshotTurn = turnTaker(`${name}:snapshot`, storage);
    this.#exchange = new Exchange(baseURL, (kind) => {
      this.reach.exchanged(kind);
      hooks.told();
    });
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
    this.lastSync = new Date();
    this.#hooks.told();
  }

  async deny(refusal) {
    this.halt(refusal);
    await forgetState(this.replica);
    return { ok: false, halt: true };
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

  #heard({ isPatched, news, signedOut }) {
    if (signedOut) this.halt({ code: "signed_out", error: "You signed out in another tab." });
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
    const outcome = await work().then((result) => this.#meaning(result))
      .catch((error) => this.#broken(error));
    if (outcome.ok) this.reach.setProblem(lane, null);
    else if (outcome.problem) this.reach.setProblem(lane, outcome.problem);
    this.#hooks.told();
    return outcome;
  }

  async #push() {
    const { replica } = this;
    const parts = {
      replica, exchange: this.#exchange, scope: this.#scope, size: this.#size,
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
    const { storage, queue } = this.replica;
    const parts = { storage, queue, exchange: this.#exchange, scope: this.#scope };
    while (this.isOpen) {
      const taken = await this.#snapshotTurn(async () => {
        const here = await storage.read((tx) => LocalStore.whereabouts(tx));
        return here.position && !isStale(here) ? { ok: true } : snapshot(parts);
      });
      if (taken.ok) {
        this.#check.taken();
        await this.#replaced();
        if (taken.position) await this.compare(taken.position, taken.checksum);
        return { ok: true };
      }
      if (!taken.startOver) return { ok: false, outcome: taken.refusal ?? { kind: "none" } };
      await this.#pause(this.#spread.next());
    }
    return { ok: false, halt: true };
  }

  async #replaced() {
    if (this.isDenied) return forgetState(this.replica); // denied while it was on the way
    this.lastSync = new Date();
    await this.replica.change(async (tx) => {
      await tx.put("meta", "syncedAt", this.lastSync);
      return { reread: true };
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

  #meaning({ ok, halt, retry, outcome, client }) {
    if (outcome) return this.#refused(outcome, client);
    if (!retry) return { ok, halt };
    const error = "The server cannot take edits at the moment. They are kept here.";
    return { ok: false, problem: { code: retry, error } };
  }

  async #refused(outcome, client) {
    if (outcome.kind === "none") return { ok: false };
    const { status, code, error, retryAfterMs } = outcome;
    if (code === "scope_denied") return this.deny(outcome);
    if (code === "wrong_user") {
      await setAside(this.replica, client);
      this.ask("pull");
    } else if (status === 401) {
      const isRefreshed = await this.#hooks.refreshCredentials();
      if (isRefreshed === false && this.replica.store.position) await forgetState(this.replica);
    } else if (status < 500 && status !== 429) {
      console.error(`mizu: ${code}: ${error}`); // a bug, here or there; the queue is kept
    }
    return { ok: false, retryAfterMs, problem: { code, error } };
  }

  #broken(error) {
    console.warn("mizu: a round failed and will be tried again:", error);
    const text = `This browser could not keep what came: ${error}`;
    return { ok: false, problem: { code: "not_kept", error: text } };
  }
}

// ── sync-client.js

class SyncClient {
  ready;
  #core;
  #replica;
  #appliers;
  #initial;
  #follower;
  #occasions;
  #subscribers = new Set();
  #overlay = null;
  #saver;
  #isTelling = false;

  constructor({
    baseURL = "", scope = "_default", user = "", appliers = {}, initial = [],
    refreshCredentials = async () => false,
  } = {}) {
    checkName(scope);
    this.#appliers = appliers;
    this.#initial = recordsByKey(initial);
    const name = `mizu:${JSON.stringify([baseURL, scope, user])}`;
    this.#core = new SyncCore(name, baseURL, scope, {
      changed: () => this.#changed(),
      told: () => this.#told(),
      replaced: () => this.#follower.resubscribe(),
      forgot: () => this.#forgot(),
      denied: () => this.#follower.unsubscribe(),
      refreshCredentials,
    });
    const core = this.#core;
    this.#replica = core.replica;
    this.ready = core.open();
    this.#saver = new EditSaver(core.replica, this.ready, {
      stored: () => core.ask("push"),
      givenUp: () => this.#changed(),
    });
    this.#follower = new Follower(scope, core.replica.store, core.reach, {
      apply: (page, isHead) => core.apply(page, isHead),
      compare: (position, checksum) => core.compare(position, checksum),
      heardOfHead: () => core.heardOfHead(),
      deny: (refusal) => core.deny(refusal),
      pull: () => core.ask("pull"),
      syncNow: (ageMs) => this.#syncNow(ageMs),
    });
    this.#occasions = new Occasions({
      syncNow: (ageMs) => this.#syncNow(ageMs),
      poll: () => this.#poll(),
      probe: () => this.#probe(),
      isSaidOffline: () => this.#core.reach.isSaidOffline,
      saidOffline: () => {
        this.#core.reach.saidOffline();
        this.#tell();
      },
    });
  }

  get(entity, id) {
    return this.#view().get(entity, id);
  }

  all(entity) {
    return this.#view().all(entity);
  }

  statusOf(entity, id) {
    return this.#view().isPending(entity, id) ? "pending" : "synced";
  }

  get edits() {
    return this.#replica.queue.rows.map(({ id, name, args, time, queued, replayed, refusal }) =>
      ({ id, name, args, time, queued, replayed, refusal }));
  }

  get position() {
    return this.#replica.store.position;
  }

  get status() {
    const { reach, phase, lastSync } = this.#core;
    const { queue, storage, store } = this.#replica;
    const waiting = queue.waiting.length;
    const isFetching = !store.position || phase === "opening" || phase === "resetting";
    return {
      state: reach.state(waiting > 0 || isFetching),
      waiting,
      refused: queue.refused.map(({ id, name, args, refusal }) => ({ id, name, args, ...refusal })),
      lastSync,
      storage: storage.kind,
      isStorageLost: storage.isLost,
      problem: this.#saver.problem ?? reach.problem,
    };
  }

  subscribe(listener) {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  mutate(name, args = {}) {
    const row = this.#replica.queue.add(name, args);
    this.#changed();
    this.#saver.save(row);
    this.#occasions.edited();
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
    await this.ready;
    this.#core.probe();
    return this.#core.now("push");
  }

  async pull() {
    await this.ready;
    this.#core.probe();
    return this.#core.now("pull");
  }

  async resume() {
    this.#core.allow();
    this.#follower.resubscribe();
    return this.sync();
  }

  async signOut() {
    await this.ready;
    this.#core.halt({ code: "signed_out", error: "You are signed out." });
    await forgetAll(this.#replica);
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

  replay() {
    this.#changed();
  }

  close() {
    this.#occasions.close();
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
    this.#follower.liveChanged(status);
    this.#tell();
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
    if (await this.#core.now("pull")) this.#core.now("push");
  }

  #poll() {
    const { reach, isOpen } = this.#core;
    const isTold = reach.isLiveOpen && this.#follower.isSubscribed && !reach.isSilent;
    if (!isOpen || isTold) return;
    this.#core.ask("pull");
    if (reach.isLiveOpen) this.#follower.resubscribe();
  }

  #view() {
    const { store, queue } = this.#replica;
    if (this.#core.isDenied) return new Overlay(new Map(), [], {});
    const base = store.position ? store.records : this.#initial;
    this.#overlay ??= new Overlay(base, queue.rows, this.#appliers);
    return this.#overlay;
  }

  #changed() {
    this.#overlay = null;
    this.#tell();
  }

  #forgot() {
    this.#initial = new Map();
    this.#changed();
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

// ── version.js

const version = "0.1.0-db93364e6831";

// ── mizu.js


export { askToPersist, LiveClient, oncePerFrame, orderedID, randomID, SyncClient, version };
