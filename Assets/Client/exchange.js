// One request to /_sync/ and what came of it. Sorts every possible answer into three kinds:
//   {kind: "answer", body}                                   200 with the JSON that was asked for
//   {kind: "refusal", status, code, error, retryAfterMs}     {"code":"…","error":"…"}
//   {kind: "none", reason}                                   anything else, whatever its status
// A captive portal's 200, a proxy's 404 page and a cut wire are all "none": back off, retry.
// Never throws and never retries: that is the lanes' part.

const slowMs = 2500; // a request without an answer for so long makes the status line say offline

export class Exchange {
  #baseURL;
  #gate;
  #onOutcome;
  #flights = new Set();

  /**
   * @param {string} baseURL where the server is; "" means the page's own origin
   * @param {RequestGate} gate lets the requests of a page through
   * @param {(kind: "answer"|"refusal"|"none"|"slow") => void} onOutcome called after each outcome, and
   *   once of each request that is slow
   */
  constructor(baseURL, gate, onOutcome) {
    this.#baseURL = baseURL.replace(/\/+$/, "");
    this.#gate = gate;
    this.#onOutcome = onOutcome;
  }

  /**
   * Sends one JSON object and returns the outcome as described above.
   * @param {string} path for instance "/_sync/push"
   * @param {string} json the body, already written
   * @param {(body: object) => boolean} isWellFormed whether a 200 is the JSON of the protocol
   * @param {number} timeoutMs milliseconds after which the request has failed
   */
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

  /** Gives up requests that have waited for `ageMs` or more, so that they can be made again. */
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

/** Returns a Retry-After (RFC 9110 §10.2.3) in milliseconds; undefined without a usable one. */
function retryAfterMs(text) {
  if (text === null) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - Date.now());
}

const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** True if `value` can be a position: a cursor, and the epoch of the change at it. */
export const isPosition = (value) =>
  isObject(value) && isNumber(value.cursor) && typeof value.epoch === "string";

/** True if `value` is one change of the log, as protocol.md writes it. */
export const isChange = (value) =>
  isObject(value) && isNumber(value.cursor) && typeof value.entity === "string" &&
  typeof value.id === "string" && typeof value.op === "string" &&
  (value.op === "delete" || isObject(value.data));

export const isPullAnswer = (body) =>
  Array.isArray(body.changes) && body.changes.every(isChange) &&
  isNumber(body.next_cursor) && typeof body.epoch === "string";

export const isSnapshotAnswer = (body) =>
  isPosition(body) && Array.isArray(body.records) &&
  body.records.every((one) => isObject(one) && typeof one.entity === "string" &&
    typeof one.id === "string" && isObject(one.data)) &&
  (body.has_more !== true || body.next !== undefined);

export const isPushAnswer = (body) =>
  Array.isArray(body.results) &&
  body.results.every((one) => isObject(one) && typeof one.id === "string" &&
    (one.ok === true ? isPosition(one) : one.ok === false && typeof one.code === "string"));
