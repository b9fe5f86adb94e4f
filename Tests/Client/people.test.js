// Hubs of several people over one server, in schedules of chance: edits online and offline, answers that
// get lost, members taken in and out, lists opened and closed. The server is here, too; storage is the
// client's memory storage (Tests/Browser/test_people.py has the real one). What must hold:
//
//   nobody is shown a record of a scope after they learned that it is lost
//   each edit is applied once, as its author's, or it is told to have gone aside

import assert from "node:assert/strict";
import { test } from "node:test";

import { SyncHub } from "./client/sync-hub.js";

const seeds = Number(process.env.MIZU_SEEDS ?? 60);
const stepsMax = 60;
const scopes = ["club", "home", "shop"];

let server;
let devices;
let random;
let losses = 0;

console.info = () => {}; // there is no IndexedDB, and it says so
globalThis.document = { visibilityState: "visible", addEventListener: () => {} };
globalThis.addEventListener = () => {};
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
globalThis.localStorage = new Map();
Object.assign(globalThis.localStorage, {
  getItem: (key) => localStorage.get(key) ?? null,
  setItem: (key, value) => localStorage.set(key, value),
  removeItem: (key) => localStorage.delete(key),
});

class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.answer = { status, body: { code, error: "a test says so" } };
  }
}

/** Scopes with records, logs, grants and outcomes. */
class Server {
  scopes = new Map();
  applied = new Map();

  scope(name) {
    if (!this.scopes.has(name)) {
      this.scopes.set(name, { name, log: [], records: new Map(), outcomes: new Map() });
    }
    return this.scopes.get(name);
  }

  write(name, entity, id, data, mutation = "server") {
    const scope = this.scope(name);
    const key = JSON.stringify([entity, id]);
    const op = data === null ? "delete" : scope.records.has(key) ? "update" : "create";
    const cursor = scope.log.length + 1;
    scope.log.push({ cursor, scope: name, entity, id, op, mutation, ...(data ? { data } : {}) });
    if (data) scope.records.set(key, { entity, id, data, version: cursor });
    else scope.records.delete(key);
  }

  grant(name, user, role) {
    this.write(name, "mizu.grant", user, role && { role });
    this.write(`user:${user}`, "mizu.scope", name, role && { role });
  }

  role(name, user) {
    if (name.startsWith("user:")) return name === `user:${user}` ? "owner" : null;
    return this.scope(name).records.get(JSON.stringify(["mizu.grant", user]))?.data.role ?? null;
  }

  answer(path, user, body) {
    if (path === "/_sync/session") return { user, device_keys: [] };
    const scope = this.scope(body.scope);
    const role = this.role(body.scope, user);
    if (!role || (path === "/_sync/push" && role === "reader")) throw new Refused(403, "scope_denied");
    const position = () => ({ cursor: scope.log.length, epoch: "e" });
    if (path === "/_sync/push") {
      return { results: body.mutations.map(({ id, args }) => {
        const before = scope.outcomes.get(id);
        if (before) return { ...before, duplicate: true };
        this.applied.set(id, [...(this.applied.get(id) ?? []), user]);
        this.write(body.scope, "note", args.id, { text: args.text }, id);
        scope.outcomes.set(id, { id, ok: true, ...position() });
        return scope.outcomes.get(id);
      }) };
    }
    if (path === "/_sync/pull") {
      return { changes: scope.log.slice(body.cursor), has_more: false,
        next_cursor: scope.log.length, epoch: "e" };
    }
    return { records: [...scope.records.values()], ...position(), has_more: false };
  }
}

/** The way from a device to the server: it may be cut, and it may lose an answer. */
globalThis.fetch = async (url, { body }) => {
  const [, name, path] = url.match(/^http:\/\/(\w+)(\/.*)$/);
  const device = devices.get(name);
  for (let n = random(4); n > 0; n--) await pause();
  if (!device.isOnline) throw new TypeError("no network");
  let answer;
  try {
    answer = { status: 200, body: server.answer(path, device.user, body && JSON.parse(body)) };
  } catch (error) {
    answer = error.answer;
    if (!answer) throw error;
  }
  if (device.losesAnswers && random(3) === 0) throw new TypeError("the answer is lost");
  for (let n = random(4); n > 0; n--) await pause();
  const text = JSON.stringify(answer.body);
  return { status: answer.status, ok: answer.status === 200, headers: { get: () => null },
    text: async () => text, json: async () => JSON.parse(text) };
};

const pause = () => new Promise((resolve) => setImmediate(resolve));

class Device {
  isOnline = true;
  losesAnswers = false;
  /** Ids of edits: made here, and told to have gone aside. */
  made = new Map();
  aside = new Set();
  lost = new Set();
  /** Scopes whose records were here, and how many of them were lost. */
  held = new Set();
  losses = 0;

  constructor(user) {
    this.user = user;
    const note = (store, { id, text }, { user: author }) => store.put("note", id, { text, author });
    const gone = ({ edits }) => { for (const { id } of edits) this.aside.add(id); };
    this.hub = new SyncHub({
      baseURL: `http://${user}`, user, live: false, appliers: { "note.write": note },
      onScopes: ({ came }) => { for (const scope of came) this.lost.delete(scope); },
      onScopeLost: (told) => {
        gone(told);
        this.lost.add(told.scope);
        if (this.held.delete(told.scope)) this.losses += 1;
      },
      onSetAside: gone,
    });
  }

  open(scope) {
    if (this.lost.has(scope)) this.closeWhole(scope); // as a page that is told leaves the list
    this.lost.delete(scope);
    this.hub.open(scope);
  }

  closeWhole(scope) {
    for (let n = 0; n < 10; n++) this.hub.close(scope);
  }

  write(client) {
    const id = client.mutate("note.write", { id: `n${random(5)}`, text: `by ${this.user}` });
    this.made.set(id, client.scope);
  }

  check() {
    for (const client of this.hub.clients) {
      if (client.position) this.held.add(client.scope);
      if (!this.lost.has(client.scope)) continue;
      assert.deepEqual(client.entries("note"), [], `${this.user} still sees ${client.scope}`);
      assert.equal(client.position, null, `${this.user} still holds ${client.scope}`);
    }
  }
}

async function step() {
  const all = [...devices.values()];
  const device = all[random(all.length)];
  const clients = device.hub.clients;
  const client = clients[random(Math.max(1, clients.length))];
  const scope = scopes[random(scopes.length)];
  const act = random(12);
  if (act < 2) device.open(scope);
  else if (act < 3) device.hub.close(scope);
  else if (act < 6 && client && !device.lost.has(client.scope)) device.write(client);
  else if (act < 7) device.isOnline = !device.isOnline;
  else if (act < 8) device.losesAnswers = !device.losesAnswers;
  else if (act < 9) server.grant(scope, device.user, [null, "reader", "editor", "editor"][random(4)]);
  else if (act < 10) device.hub.sync();
  else for (let n = random(60); n > 0; n--) await pause();
  for (let n = random(12); n > 0; n--) await pause();
}

async function run(seed) {
  let state = seed * 7919 + 1;
  random = (most) => (state = (state * 1103515245 + 12345) % 2147483648) % most;
  localStorage.clear();
  server = new Server();
  devices = new Map();
  for (const user of ["ann", "ben", "cid"]) {
    for (const scope of scopes) if (random(3) > 0) server.grant(scope, user, "editor");
    devices.set(user, new Device(user));
  }
  const all = [...devices.values()];
  await Promise.all(all.map(({ hub }) => hub.ready));
  for (let count = 0; count < stepsMax; count++) {
    await step();
    for (const device of all) device.check();
  }
  for (const device of all) losses += device.losses;
  for (const device of all) Object.assign(device, { isOnline: true, losesAnswers: false });
  for (let tries = 0; ; tries++) {
    await Promise.all(all.map(({ hub }) => hub.sync()));
    for (const device of all) device.check();
    const isDone = (device) => [...device.made].every(([id]) =>
      server.applied.has(id) || device.aside.has(id));
    const isThere = ({ hub, lost, user }) => hub.status.waiting === 0 && hub.clients.every((one) =>
      lost.has(one.scope) || !server.role(one.scope, user) || one.position);
    if (all.every(isDone) && all.every(isThere)) break;
    assert.ok(tries < 50, "an edit is neither applied nor aside, or a scope does not come");
    await pause();
  }
  for (const [id, users] of server.applied) {
    assert.equal(users.length, 1, "applied once");
    assert.equal(devices.get(users[0]).made.has(id), true, "as its author's");
  }
  for (const { hub, lost, user } of all) {
    for (const client of hub.clients.filter((one) => !lost.has(one.scope))) {
      if (!server.role(client.scope, user)) continue;
      const here = client.entries("note").map(([id, { text }]) => [id, text]).sort();
      const there = [...server.scope(client.scope).records.values()]
        .filter(({ entity }) => entity === "note").map(({ id, data }) => [id, data.text]).sort();
      assert.deepEqual(here, there, `${user} in ${client.scope}`);
    }
    hub.closeAll();
  }
}

test(`people come and go, and nothing is lost or left, in ${seeds} schedules`, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await run(seed);
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`;
      throw error;
    } finally {
      for (const { hub } of devices.values()) hub.closeAll();
    }
  }
  assert.ok(losses > seeds / 4, `${losses} scopes were lost whose records were here`);
});
