// What a page shows while its first records come: an edit made meanwhile stays in sight. Its row leaves
// the queue in the same transaction that brings the records with its effect, so memory must take both
// at once. The server is here, and says one answer at a time; storage is the client's memory storage.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SyncClient } from "./client/sync-client.js";

console.info = () => {}; // there is no IndexedDB, and it says so
globalThis.document = { visibilityState: "visible", addEventListener: () => {} };
globalThis.addEventListener = () => {};
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
globalThis.localStorage = { length: 0, getItem: () => null, setItem: () => {}, removeItem: () => {} };

const appliers = { "note.write": (store, { id, text }) => store.put("note", id, { text }) };
const note = { entity: "note", id: "n", data: { text: "milk" }, version: 1 };

/** A server whose snapshots wait until `release` is called; each push is applied at once. */
class Server {
  pages = [];
  waiting = [];
  applied = null;

  constructor(pages) {
    this.pages = pages;
    this.pushed = new Promise((resolve) => { this.applied = resolve; });
    globalThis.fetch = async (url, { body }) => this.answer(url, JSON.parse(body));
  }

  async answer(url, request) {
    if (url.endsWith("/_sync/push")) {
      this.applied();
      const results = request.mutations.map(({ id }) => ({ id, ok: true, cursor: 1, epoch: "e" }));
      return json({ v: 1, results });
    }
    if (url.endsWith("/_sync/pull")) {
      return json({ v: 1, changes: [], next_cursor: 1, epoch: "e", has_more: false });
    }
    await new Promise((resolve) => this.waiting.push(resolve));
    return json(this.pages.shift());
  }

  async release() {
    while (this.waiting.length === 0) await turn();
    this.waiting.shift()();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const json = (body) =>
  ({ status: 200, headers: { get: () => null }, text: async () => JSON.stringify(body) });
const page = (records, next) => ({
  v: 1, cursor: 1, epoch: "e", records, has_more: next !== undefined, next,
});

for (const [name, pages] of Object.entries({
  "one page": () => [page([note])],
  "several pages": () => [page([note], "2"), page([{ ...note, id: "o" }])],
})) {
  test(`an edit stays in sight while the first records come, in ${name}`, async () => {
    const server = new Server(pages());
    const client = new SyncClient({ baseURL: `http://${name.replace(" ", "-")}`, appliers });
    const seen = [];
    client.subscribe(() => seen.push(client.get("note", "n")?.text));
    await client.ready;
    client.mutate("note.write", { id: "n", text: "milk" });
    await server.pushed;
    while (client.edits.some(({ queued }) => queued)) await turn(); // settled, and not in the records
    const from = seen.length;
    for (let count = pages().length; count > 0; count -= 1) await server.release();
    while (!client.position || client.edits.length > 0) await turn();
    for (let count = 0; count < 5; count += 1) await turn();
    assert.equal(client.get("note", "n").text, "milk");
    assert.ok(seen.length > from, "somebody was told of the records");
    assert.deepEqual([...new Set(seen.slice(from))], ["milk"]);
    client.close();
  });
}
