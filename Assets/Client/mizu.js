// The browser client of Mizu: what an app imports as "mizu". Everything behind it is in the files
// beside this one, a concept each; servers send all of them as one (CShims/join.sh). The types are in
// mizu.d.ts, how to use it is in Assets/Guides/client.md.
//
//   SyncClient ─► SyncCore ─► Lanes ─► sync-machine: the states, in a table
//     │             │     └─► rounds, snapshot ─► Exchange: one request and what came of it
//     │             └─► Replica ─► Storage (IndexedDB or memory), LocalStore, MutationQueue
//     └─► Follower ◄── LiveClient: what `/ws` brings
//
// Reading tour: sync-client.js, sync-core.js, rounds.js, local-store.js, mutation-queue.js, replay.js.

export { askToPersist } from "./durable-storage.js";
export { LiveClient } from "./live-client.js";
export { oncePerFrame } from "./frame.js";
export { orderedID, randomID } from "./random-id.js";
export { SyncClient } from "./sync-client.js";
export { version } from "./version.js";
