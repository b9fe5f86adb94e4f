// What performs the machine: tries, timers and callers, on a clock that the test turns.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { waitMs } from "./client/back-off.js";
import { Lanes } from "./client/lanes.js";

let timers = [];
let lanes;
let tries;

beforeEach(() => {
  timers = [];
  globalThis.setTimeout = (act, milliseconds) => timers.push({ act, milliseconds });
  globalThis.clearTimeout = (number) => { if (number > 0) timers[number - 1] = null; };
  tries = [];
  const work = () => new Promise((end, fail) => tries.push({ end, fail }));
  lanes = new Lanes({ push: work, pull: work });
});

const settled = () => new Promise((resolve) => setImmediate(resolve));
const waiting = () => timers.filter((one) => one !== null);

async function end(number, outcome) {
  tries[number].end(outcome);
  await settled();
}

test("nothing is tried before the client is open, or after its end", async () => {
  lanes.ask("push");
  assert.deepEqual(await lanes.now("push"), { ok: false, halt: true });
  lanes.send("opened");
  lanes.ask("push");
  assert.equal(tries.length, 1);
  const next = lanes.now("push");
  lanes.send("closed");
  await end(0, { ok: true });
  assert.deepEqual(await next, { ok: false, halt: true });
  assert.equal(tries.length, 1);
});

test("all who ask a busy lane share the next try", async () => {
  lanes.send("opened");
  const first = lanes.now("push");
  const others = Array.from({ length: 20 }, () => lanes.now("push"));
  await end(0, { ok: true, number: 1 });
  assert.equal(tries.length, 2);
  await end(1, { ok: true, number: 2 });
  assert.equal((await first).number, 1);
  assert.deepEqual(new Set((await Promise.all(others)).map((one) => one.number)), new Set([2]));
  assert.equal(tries.length, 2);
});

test("what failed is tried again after its wait, and a wish cuts the wait short", async () => {
  lanes.send("opened");
  lanes.ask("pull");
  await end(0, { ok: false, retryAfterMs: 3000 });
  assert.equal(waiting().length, 1);
  assert.ok(waiting()[0].milliseconds >= 3000 && waiting()[0].milliseconds <= 6000);
  lanes.ask("pull");
  assert.equal(tries.length, 1, "in its time");
  waiting()[0].act();
  assert.equal(tries.length, 2);
  timers = [];
  await end(1, { ok: false });
  lanes.now("pull");
  assert.equal(waiting().length, 0);
  assert.equal(tries.length, 3);
});

test("what halted is not tried by itself, and what throws is", async () => {
  lanes.send("opened");
  lanes.ask("push");
  await end(0, { ok: false, halt: true });
  assert.deepEqual([tries.length, waiting().length], [1, 0]);
  const { warn } = console;
  console.warn = () => {};
  lanes.ask("push");
  tries[1].fail(new Error("a full disk"));
  await settled();
  console.warn = warn;
  assert.equal(waiting().length, 1);
});

test("a denied scope refuses who asks, and goes on where it is allowed", async () => {
  lanes.send("opened");
  lanes.send("denied");
  assert.deepEqual(await lanes.now("push"), { ok: false, halt: true });
  lanes.send("allowed");
  lanes.ask("push");
  assert.equal(tries.length, 1);
});

test("no Retry-After makes a lane spin, or sleep for years", () => {
  // Zero is no leave to hammer; more than a timer can count would fire at once.
  assert.equal(waitMs(0, 0, () => 0.5), 500);
  assert.equal(waitMs(3, undefined, () => 0.5), 4000);
  assert.equal(waitMs(60, undefined, () => 1), 10_000);
  assert.equal(waitMs(0, 1e12, () => 0), 3_600_000);
  assert.ok(waitMs(0, 1e12, () => 0.999) < 2 ** 31);
});
