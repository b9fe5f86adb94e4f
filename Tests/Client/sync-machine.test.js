// The machine of a client, as a table and as long walks of chance. Run by Tests/Process/test_client.py,
// which lays the client's files into ./client.

import assert from "node:assert/strict";
import { test } from "node:test";

import { initialMachine, step } from "./client/sync-machine.js";

const lane = (state, attempt = 0) => ({ state, attempt });
const machine = (phase, push = "idle", attempt = 0) =>
  ({ phase, push: lane(push, attempt), pull: lane("idle") });

test("a client begins closed to work, and its lanes idle", () => {
  assert.deepEqual(initialMachine, machine("opening"));
});

const phaseTable = [
  ["opening", "opened", "open"], ["opening", "denied", "deniedEarly"], ["opening", "reset", "opening"],
  ["opening", "closed", "closed"], ["deniedEarly", "opened", "denied"],
  ["deniedEarly", "allowed", "opening"], ["deniedEarly", "closed", "closed"],
  ["open", "reset", "resetting"], ["open", "denied", "denied"], ["open", "allowed", "open"],
  ["open", "ended", "open"], ["open", "closed", "closed"], ["resetting", "ended", "open"],
  ["resetting", "denied", "denied"], ["resetting", "reset", "resetting"],
  ["resetting", "closed", "closed"], ["denied", "allowed", "open"], ["denied", "ended", "denied"],
  ["denied", "opened", "denied"], ["denied", "closed", "closed"], ["closed", "opened", "closed"],
  ["closed", "allowed", "closed"], ["closed", "denied", "closed"],
];

test("a phase follows another as the table says", () => {
  for (const [before, type, after] of phaseTable) {
    const { machine: found } = step(machine(before), { type });
    assert.equal(found.phase, after, `${before} ${type}`);
  }
});

// [state, event, state after, what is done] while the phase is open or resetting.
const laneTable = [
  ["idle", "ask", "running", ["start"]], ["idle", "now", "running", ["start"]],
  ["idle", "due", "idle", []],
  ["running", "ask", "again", []], ["running", "now", "next", []], ["running", "ok", "idle", []],
  ["running", "halted", "idle", []], ["running", "failed", "waiting", ["wait"]],
  ["again", "ask", "again", []], ["again", "now", "next", []], ["again", "ok", "running", ["start"]],
  ["again", "halted", "idle", []], ["again", "failed", "waiting", ["wait"]],
  ["next", "ask", "next", []], ["next", "now", "next", []], ["next", "ok", "running", ["start"]],
  ["next", "halted", "running", ["start"]], ["next", "failed", "running", ["start"]],
  ["waiting", "ask", "waiting", []], ["waiting", "now", "running", ["cancel", "start"]],
  ["waiting", "due", "running", ["start"]],
];

test("a lane goes on as the table says, and the other one stays", () => {
  for (const phase of ["open", "resetting"]) {
    for (const [before, type, after, does] of laneTable) {
      const { machine: found, effects } = step(machine(phase, before), { type, lane: "push" });
      assert.equal(found.push.state, after, `${before} ${type}`);
      assert.deepEqual(effects.map((one) => one.does), does, `${before} ${type}`);
      assert.ok(effects.every((one) => one.lane === "push"));
      assert.deepEqual(found.pull, lane("idle"));
    }
  }
});

test("where nothing may run, what would start is refused and what would wait is idle", () => {
  for (const phase of ["opening", "deniedEarly", "denied", "closed"]) {
    for (const [before, type, after, does] of laneTable) {
      const { machine: found, effects } = step(machine(phase, before), { type, lane: "push" });
      const rests = does.includes("start") || does.includes("wait");
      assert.equal(found.push.state, rests ? "idle" : after, `${before} ${type}`);
      const expected = does.filter((one) => one !== "wait")
        .map((one) => one === "start" ? "refuse" : one);
      assert.deepEqual(effects.map((one) => one.does), expected, `${before} ${type}`);
    }
  }
});

test("failures are counted for the back-off, from zero after a success or by a wish", () => {
  let now = machine("open");
  const attempts = [];
  const send = (type) => {
    const { machine: next, effects } = step(now, { type, lane: "push" });
    now = next;
    attempts.push(...effects.filter((one) => one.does === "wait").map((one) => one.attempt));
  };
  for (const type of ["ask", "failed", "due", "failed", "due", "failed"]) send(type);
  assert.deepEqual(attempts, [0, 1, 2]);
  for (const type of ["now", "failed"]) send(type);
  assert.deepEqual(attempts, [0, 1, 2, 0]);
  for (const type of ["due", "ok", "ask", "failed"]) send(type);
  assert.deepEqual(attempts, [0, 1, 2, 0, 0]);
});

test("the end cancels what waits, and nothing starts behind it", () => {
  const { machine: closed, effects } = step(machine("open", "waiting"), { type: "closed" });
  assert.deepEqual(effects, [{ does: "cancel", lane: "push" }]);
  assert.equal(closed.push.state, "idle");
});

test("whatever comes in whatever order: one try at a time, none but where it may run", () => {
  let seed = 11;
  const random = (most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  const outcomes = ["ok", "halted", "failed"];
  for (let round = 0; round < 300; round++) {
    let now = initialMachine;
    const tries = { push: 0, pull: 0 };
    const timers = { push: 0, pull: 0 };
    for (let count = 0; count < 100; count++) {
      const name = random(2) === 0 ? "push" : "pull";
      const possible = ["ask", "now", ...(tries[name] > 0 ? outcomes : []), ...(timers[name] > 0 ? ["due"] : [])];
      const phases = ["opened", "reset", "ended", "denied", "allowed", ...(random(20) === 0 ? ["closed"] : [])];
      const event = random(4) === 0 ? { type: phases[random(phases.length)] }
        : { type: possible[random(possible.length)], lane: name };
      if (outcomes.includes(event.type)) tries[name] -= 1;
      if (event.type === "due") timers[name] -= 1;
      const { machine: next, effects } = step(now, event);
      for (const { does, lane: one } of effects) {
        if (does === "start") {
          assert.ok(next.phase === "open" || next.phase === "resetting");
          tries[one] += 1;
        }
        if (does === "wait") timers[one] += 1;
        if (does === "cancel") timers[one] -= 1;
      }
      for (const one of ["push", "pull"]) {
        const isRunning = ["running", "again", "next"].includes(next[one].state);
        assert.equal(tries[one], isRunning ? 1 : 0, `${JSON.stringify(event)} ${one}`);
        assert.equal(timers[one], next[one].state === "waiting" ? 1 : 0, `${JSON.stringify(event)} ${one}`);
      }
      if (now.phase === "closed") assert.equal(next.phase, "closed");
      now = next;
    }
  }
});
