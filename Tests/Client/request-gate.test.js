// The gate of a page's requests, as a few sentences and as long walks of chance, on a clock of its own.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { RequestGate } from "./client/request-gate.js";

const answer = { kind: "answer" };
const none = { kind: "none", reason: "a test says so" };
const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

let now;
let mended;
let gate;

beforeEach(() => {
  now = 0;
  mended = 0;
  gate = new RequestGate(() => true, () => { mended += 1; }, () => now);
});

test("a few are let through at once, the others in the order in which they came", async () => {
  const order = [];
  for (let n = 0; n < 6; n++) gate.enter(never).then((instead) => order.push([n, instead]));
  await settled();
  assert.deepEqual(order, [0, 1, 2, 3].map((n) => [n, null]));
  gate.leave(answer);
  gate.leave(answer);
  await settled();
  assert.deepEqual(order.slice(4), [[4, null], [5, null]]);
});

test("one failure is the answer to all that wait, and nobody asks before its time", async () => {
  const found = Array.from({ length: 7 }, () => gate.enter(never));
  for (let n = 0; n < 4; n++) gate.leave(none);
  assert.deepEqual((await Promise.all(found)).slice(4), [none, none, none]);
  now = -1; // within any wait
  assert.deepEqual(await gate.enter(never), none);
  now = 10_001;
  assert.equal(await gate.enter(never), null, "one tries for all");
  const other = gate.enter(never);
  gate.leave(answer);
  assert.equal(await other, null);
  assert.equal(mended, 1);
});

test("a Retry-After counts for all scopes, and a wish ends it", async () => {
  await gate.enter(never);
  gate.leave({ kind: "refusal", status: 503, code: "unavailable", retryAfterMs: 60_000 });
  now = 30_000;
  const instead = await gate.enter(never);
  assert.ok(instead.code === "unavailable" && instead.retryAfterMs >= 30_000);
  gate.urge();
  assert.equal(await gate.enter(never), null);
});

test("a refusal of one scope is nothing to the others", async () => {
  await gate.enter(never);
  gate.leave({ kind: "refusal", status: 403, code: "scope_denied" });
  assert.equal(gate.isBroken, false);
  assert.equal(await gate.enter(never), null);
});

test("a page with one scope has the back-off of its lanes alone", async () => {
  gate = new RequestGate(() => false, () => assert.fail("nobody else is to be told"), () => now);
  await gate.enter(never);
  gate.leave(none);
  assert.equal(await gate.enter(never), null);
  gate.leave(answer);
});

test("who gives up leaves the line", async () => {
  for (let n = 0; n < 4; n++) await gate.enter(never);
  const giving = new AbortController();
  const first = gate.enter(giving.signal);
  const second = gate.enter(never);
  giving.abort();
  assert.equal((await first).kind, "none");
  gate.leave(null);
  assert.equal(await second, null);
});

test("whatever comes in whatever order: bounded, nobody forgotten, one while it is broken", async () => {
  let seed = 5;
  const random = (most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  for (let round = 0; round < 200; round++) {
    now = 0;
    gate = new RequestGate(() => true, () => {}, () => now);
    const flying = new Set();
    const waiting = new Set();
    const enter = () => {
      const one = { giving: new AbortController() };
      waiting.add(one);
      gate.enter(one.giving.signal).then((instead) => {
        waiting.delete(one);
        if (instead === null) flying.add(one);
      });
    };
    for (let count = 0; count < 60; count++) {
      const act = random(10);
      const [one] = flying;
      if (act < 4) enter();
      else if (act < 7 && one) {
        flying.delete(one);
        gate.leave([answer, none, null, { kind: "refusal", status: 429, code: "rate_limited" }][random(4)]);
      } else if (act === 7) now += random(4000);
      else if (act === 8) gate.urge();
      else [...waiting][0]?.giving.abort();
      const wasBroken = gate.isBroken;
      const before = flying.size;
      await settled();
      assert.ok(flying.size <= 4);
      if (wasBroken && gate.isBroken) assert.ok(flying.size <= Math.max(1, before));
    }
    for (let count = 0; flying.size > 0; count++) {
      assert.ok(count < 200);
      const [one] = flying;
      flying.delete(one);
      gate.leave(answer);
      await settled();
    }
    assert.equal(waiting.size, 0, "nobody waits for ever");
  }
});
