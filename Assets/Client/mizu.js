// The browser client of Mizu: what an app imports as "mizu". Everything behind it is in the files
// beside this one, a concept each; servers send all of them as one (CShims/join.sh). The types are in
// mizu.d.ts, how to use it is in Assets/Guides/client.md.
//
//   SyncHub: several scopes of one person ─► device, kept-edits, who
//     └─► SyncClient ─► SyncCore ─► Lanes ─► sync-machine: the states, in a table
//           │             │     └─► rounds, snapshot ─► Exchange ─► RequestGate, of the Session
//           │             └─► Replica ─► Storage (IndexedDB or memory), LocalStore, MutationQueue
//           └─► Follower ◄── LiveClient: what `/ws` brings
//
// Reading tour: sync-client.js, sync-core.js, rounds.js, local-store.js, mutation-queue.js, replay.js;
// for several scopes and several people sync-hub.js, session.js, device.js.

export { askToPersist } from "./durable-storage.js";
export { LiveClient } from "./live-client.js";
export { oncePerFrame } from "./frame.js";
export { orderedID, randomID } from "./random-id.js";
export { SyncClient } from "./sync-client.js";
export { SyncHub } from "./sync-hub.js";
export { version } from "./version.js";
export { whoAmI } from "./who.js";
