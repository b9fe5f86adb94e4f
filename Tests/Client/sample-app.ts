// An app in TypeScript that uses all of the client: it must compile, and each line that is marked
// must not. Compiled by Tests/Process/test_client.py, never run.

import {
  askToPersist, LiveClient, oncePerFrame, orderedID, randomID, SyncClient, SyncHub, version, whoAmI,
} from "mizu";
import type { Applier, ListedScope, LiveStatus, SyncStatus } from "mizu";

interface Note {
  id: string;
  text: string;
}

const write: Applier = (store, { id, text }: Note, { time, user, role }) => {
  if (role === "reader") return;
  const before: Note | undefined = store.get("note", id);
  store.put("note", id, { ...before, id, text, time, user, number: store.all("note").length });
};

const client = new SyncClient({
  scope: "team-7",
  user: "ann",
  appliers: { "note.write": write, "note.delete": (store, { id }) => store.remove("note", id) },
  initial: [{ entity: "note", id: "n1", data: { id: "n1", text: "Tea" } }],
  refreshCredentials: async () => (await fetch("/session", { method: "POST" })).ok,
});
const live = new LiveClient({
  onMessage: (message) => client.receive(message),
  onStatus: (status: LiveStatus) => client.liveChanged(status),
});

const end: () => void = client.subscribe(oncePerFrame(() => show(client.status)));

function show({ state, waiting, refused, lastSync, problem }: SyncStatus): string {
  const notes: Note[] = client.all("note");
  const codes = refused.map(({ name, code }) => `${name}: ${code}`);
  const when = lastSync?.toISOString() ?? "never";
  return `${state} ${waiting} ${notes.length} ${codes.join()} ${when} ${problem?.code ?? ""}`;
}

async function start(): Promise<void> {
  await client.ready;
  await client.follow(live);
  live.connect();
  live.subscribe("room:1", { presence: true });
  const ref: string | null = live.send({ type: "ping" });
  const id: string = client.mutate("note.write", { id: orderedID(), text: version + randomID() });
  await client.saved(id);
  await askToPersist();
  const isSynced: boolean = await client.sync();
  const again: string | null = await client.retry(id);
  for (const { client: name, rows } of await client.setAsideQueues()) {
    if (rows.length > 0) await client.restoreQueue(name);
  }
  const { cursor } = client.position ?? { cursor: 0 };
  console.log(ref, isSynced, again, cursor, client.edits.filter((edit) => edit.queued).length);
}

async function several(): Promise<void> {
  const { user, deviceKeys } = await whoAmI();
  const hub = new SyncHub({
    user: user ?? "", sealKey: deviceKeys, appliers: { "note.write": write }, leaseDays: 30,
    onScopes: ({ scopes, came, went }) => console.log(scopes.map(label), came, went.length),
    onScopeLost: ({ scope, reason, edits }) => console.log(scope, reason.code, edits[0]?.name),
    onUserChanged: () => location.reload(),
    onError: ({ mutation, error }) => console.log(mutation.name, error),
  });
  await hub.ready;
  const notes: SyncClient = hub.open(hub.scopes[0]?.scope ?? "notes");
  const members: [string, { role: string }][] = notes.entries("mizu.grant");
  console.log(members.length, notes.role, hub.status.waiting, notes.status.isHidden);
  hub.close(notes.scope);
  hub.home?.mutate("mizu.invitation.accept", { scope: "notes", token: "…" });
  const { isDone, waiting } = await hub.signOut();
  if (!isDone && waiting > 0) await hub.signOut({ keep: confirm("Keep them for you?") });
}

const label = ({ scope, role }: ListedScope): string => `${scope} (${role ?? "nobody"})`;

start().then(several).finally(end);

// @ts-expect-error: no such option
new SyncClient({ scopes: "team-7" });
// @ts-expect-error: an applier is a function
new SyncClient({ appliers: { "note.write": 1 } });
// @ts-expect-error: no such status
const status: LiveStatus = "offline";
// @ts-expect-error: a mutation has a name
client.mutate({ id: "n1" });
// @ts-expect-error: arguments are an object
client.mutate("note.write", "text");
// @ts-expect-error: it may be null
const cursor: number = client.position.cursor;
// @ts-expect-error: the state is not for writing
client.position = null;
