// Appliers: what they are told, and how what they show is compared with what the server has made of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { differences } from "./client/applier-check.js";
import { isLeaseOver } from "./client/lease.js";
import { recordsByKey } from "./client/local-store.js";
import { Overlay } from "./client/replay.js";
import { scopeChanges, scopesOf } from "./client/scope-list.js";

const row = (name, args) => ({ id: "m1", name, args, time: "2026-01-01T00:00:00.000Z",
  queued: true, replayed: true });
const note = (id, data) => ({ entity: "note", id, data });
const grant = (user, role) => ({ entity: "mizu.grant", id: user, data: { role } });

test("an applier sees what the mutations before it have made, and who edits", () => {
  const seen = [];
  const appliers = {
    "add": (store, { id }, { user, role, time }) => {
      seen.push([store.all("note").length, user, role, time.length]);
      store.put("note", id, {});
      seen.push(store.all("note").length);
    },
    "drop": (store, { id }) => {
      store.remove("note", id);
      seen.push(store.all("note").length);
    },
  };
  const base = recordsByKey([note("n1", {}), grant("ann", "editor")]);
  const rows = [row("add", { id: "n2" }), row("drop", { id: "n1" }), row("add", { id: "n1" })];
  const overlay = new Overlay(base, rows, appliers, "ann");
  assert.deepEqual(seen, [[1, "ann", "editor", 24], 2, 1, [1, "ann", "editor", 24], 2]);
  assert.deepEqual(overlay.entries("note").map(([id]) => id).sort(), ["n1", "n2"]);
  assert.equal(new Overlay(base, [], appliers).role, null);
});

test("what an applier throws is told, and has no effect", () => {
  const fault = new Error("a fault");
  const half = (store) => {
    store.put("note", "n1", {});
    throw fault;
  };
  const overlay = new Overlay(new Map(), [row("half", {})], { half });
  assert.equal(overlay.all("note").length, 0);
  assert.deepEqual(overlay.failures.map(({ error }) => error), [fault]);
});

const change = (op, id, data) => ({ entity: "note", id, op, data, mutation: "m1" });

test("a difference is a record or a member that the server has otherwise", () => {
  const base = recordsByKey([note("n1", { text: "A", tags: ["x"] }), note("n2", { text: "B" })]);
  const write = (store, { id, ...data }) => store.put("note", id, data);
  const found = (args, changes, applier = write) =>
    differences(base, row("write", args), { write: applier }, "ann", changes);
  const created = "2026-01-01T00:00:00.000Z";
  const agreed = [
    [{ id: "n3", text: "C", isNew: true, created }, [change("create", "n3", { text: "C", created: "2026-01-02T10:00:00Z" })]],
    [{ id: "n1", text: "A", tags: ["x"] }, []],
    [{ id: "n3", a: { b: [1, 2] } }, [change("create", "n3", { a: { b: [1, 2] } })]],
  ];
  for (const [args, changes] of agreed) assert.deepEqual(found(args, changes), [], JSON.stringify(args));
  assert.deepEqual(found({ id: "n1", text: "a" }, [change("update", "n1", { text: "A" })]),
    [{ entity: "note", id: "n1", shown: { text: "a" }, confirmed: { text: "A" } }]);
  assert.deepEqual(found({ id: "n3" }, [change("create", "n3", { size: 1 })]).length, 1);
  assert.deepEqual(found({ id: "n3", a: [1] }, [change("create", "n3", { a: [1, 2] })]).length, 1);
  assert.deepEqual(found({ id: "n3", text: "C" }, []).map((one) => one.confirmed), [undefined]);
  assert.deepEqual(found({ id: "n1", text: "A" }, [change("delete", "n2")]).length, 2);
  const remove = (store, { id }) => store.remove("note", id);
  assert.deepEqual(found({ id: "n2" }, [change("delete", "n2")], remove), []);
  assert.deepEqual(found({ id: "n2" }, [{ ...change("create", "ann", { role: "owner" }),
    entity: "mizu.grant" }, change("delete", "n2")], remove), [], "the framework's are its own");
});

test("a lease is over after its days, and by a clock that was set back", () => {
  const day = 86_400_000;
  const contact = new Date(100 * day);
  assert.equal(isLeaseOver(0, contact, 1e15), false);
  assert.equal(isLeaseOver(7, null, 0), false);
  assert.equal(isLeaseOver(7, contact, 107 * day), false);
  assert.equal(isLeaseOver(7, contact, 107 * day + 1), true);
  assert.equal(isLeaseOver(7, contact, 99.5 * day), false, "a day of tolerance");
  assert.equal(isLeaseOver(7, contact, 98 * day), true);
});

test("a list of scopes says what came, what went and what is another role", () => {
  const list = (...entries) => scopesOf(entries);
  const before = list(["b", { role: "owner" }], ["a", { role: "reader" }]);
  assert.deepEqual(before.map((one) => one.scope), ["a", "b"]);
  assert.deepEqual(scopeChanges(before, before), { came: [], went: [], isSame: true });
  assert.deepEqual(scopeChanges(before, list(["a", { role: "editor" }], ["b", { role: "owner" }])),
    { came: [], went: [], isSame: false });
  assert.deepEqual(scopeChanges(before, list(["c", {}], ["a", { role: "reader" }])),
    { came: ["c"], went: ["b"], isSame: false });
});
