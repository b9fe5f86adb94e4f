// The types of Mizu's browser client (mizu.js). A test holds them to what the module exports, and
// compiles Tests/Client/sample-app.ts with them (Tests/Process/test_client.py).

/** Values that JSON can write: what records and arguments are made of. */
export type JSONValue =
  | null | boolean | number | string | JSONValue[] | { [key: string]: JSONValue | undefined };
export type JSONObject = { [key: string]: JSONValue | undefined };

/** Where a state stands in the log of its scope. */
export interface Position {
  cursor: number;
  epoch: string;
}

/** The records as a mutation finds them, for an applier. */
export interface RecordStore {
  /** The record's data, or undefined. Do not change it: `put` another. */
  get(entity: string, id: string): any;
  /** The data of all records of an entity, in no order. */
  all(entity: string): any[];
  put(entity: string, id: string, data: object): void;
  remove(entity: string, id: string): void;
}

/** What an applier is told of the mutation. */
export interface AppliedMutation {
  id: string;
  /** When the edit was made, RFC 3339, by this device's clock; the server is told it, too. */
  time: string;
  /** Whose edit it is; null for nobody's. */
  user: string | null;
  /** The user's role in the scope, as its grants say it here; null without one. */
  role: string | null;
}

/**
 * Shows what a mutation does, before the server has said so. It is called anew whenever records or
 * queue change, so it depends on nothing but its parameters. One that throws shows no effect, and is
 * told once: on the console and to `onError`.
 */
export type Applier = (store: RecordStore, args: any, mutation: AppliedMutation) => void;

/** A fault of an applier, or what it does otherwise than the mutator (on pages of `mizu dev`). */
export interface ApplierFault {
  kind: "applier" | "difference";
  scope: string;
  mutation: { id: string; name: string; args: any };
  error: any;
  /** What was shown and what the server has confirmed; undefined stands for no record. */
  differences?: { entity: string; id: string; shown: any; confirmed: any }[];
}

/** Edits that went aside because their author may not read, or not write, any more. */
export interface SetAsideEdits {
  scope: string;
  /** A code of the protocol, and its words. */
  reason: { code: string; error: string };
  edits: { id: string; name: string; args: any; time: string }[];
}

export interface SyncClientOptions {
  /** The server; by default the page's own origin. */
  baseURL?: string;
  /** Which part of the data; by default "_default". */
  scope?: string;
  /** Whose storage on this device: storage is kept for each user. */
  user?: string;
  /** By the names of mutations; one without an applier is sent, and shows when the server has it. */
  appliers?: { [mutation: string]: Applier };
  /** Records to show until the first snapshot, for instance those that the server has rendered. */
  initial?: { entity: string; id: string; data: object }[];
  /**
   * Called after a 401, before the next try. Resolve to false if nobody is signed in any more: then
   * the records go from this device, and the queue waits.
   */
  refreshCredentials?: () => Promise<unknown>;
  /** After so many days without the server the records are hidden until it answers; 0 (default): never. */
  leaseDays?: number;
  /**
   * The scope may not be read any more, and is gone from this device. Its edits are put aside. Called
   * again if an edit comes after that, with all of them.
   */
  onScopeLost?: (told: SetAsideEdits) => void;
  /** Edits were put aside because their author may not write here; the scope stays. */
  onSetAside?: (told: SetAsideEdits) => void;
  onError?: (fault: ApplierFault) => void;
}

/** Why the server refused a mutation: a code of the protocol or of the app's mutator, and its words. */
export interface Refusal {
  code: string;
  error: string;
  /** RFC 3339. */
  time: string;
}

/** A mutation on this device. */
export interface Edit {
  id: string;
  name: string;
  args: any;
  /** When it was made, RFC 3339. */
  time: string;
  /** Waits for a result. */
  queued: boolean;
  /** Is shown on top of the server's records. */
  replayed: boolean;
  refusal: Refusal | null;
}

export interface SyncStatus {
  state: "online" | "syncing" | "offline" | "error";
  /** Edits that the server has not confirmed. */
  waiting: number;
  refused: ({ id: string; name: string; args: any } & Refusal)[];
  lastSync: Date | null;
  /** Where edits are kept; "memory" ends with the page. */
  storage: "opening" | "indexeddb" | "memory";
  /** It was indexeddb, and somebody deleted that. */
  isStorageLost: boolean;
  /** The lease is over: nothing is shown until the server answers. */
  isHidden: boolean;
  /** What stands in the way of syncing. */
  problem: { code: string; error: string } | null;
}

/** A queue that was put aside: its author lost the right, or it belongs to another user. */
export interface SetAsideQueue {
  client: string;
  rows: Edit[];
  time: string;
  /** Missing if an earlier version of the client has put it aside. */
  reason?: { code: string; error: string };
}

/**
 * A client of one scope. Edits are shown at once, kept in a queue that survives the browser, sent in
 * order, and applied by the server exactly once. Works offline and in several tabs.
 */
export class SyncClient {
  constructor(options?: SyncClientOptions);

  /** What part of the data this is. */
  scope: string;

  /** Resolves when the storage is open and what it holds can be read by `get` and `all`. */
  ready: Promise<void>;

  /** A record's data as it is shown, pending mutations included; undefined if there is none. */
  get(entity: string, id: string): any;
  /** The data of all records of an entity, in no order. */
  all(entity: string): any[];
  /** The id and data of all records of an entity, in no order. */
  entries(entity: string): [string, any][];
  /** The user's role in this scope, by its grants; null without one. */
  get role(): string | null;
  /** "pending" while a mutation of the record waits for the server. */
  statusOf(entity: string, id: string): "pending" | "synced";
  /** The edits on this device, oldest first. */
  get edits(): Edit[];
  /** False while nothing is shown, whatever is here: the scope is denied, or the lease is over. */
  get isShown(): boolean;
  /** Of the state on this device; null before the first snapshot. */
  get position(): Position | null;
  get status(): SyncStatus;
  /**
   * Calls `listener` after each change of records, queue or status, once for many.
   * @returns a function that ends the subscription
   */
  subscribe(listener: (client: SyncClient) => void): () => void;

  /**
   * Makes a mutation, shows its effect, and sends it as soon as that is possible.
   * @returns its id
   * @throws TypeError if the protocol cannot carry name or arguments
   */
  mutate(name: string, args?: object): string;
  /** Resolves when the mutation would survive the browser; rejects if it could not be kept. */
  saved(id: string): Promise<void>;
  /** Sends a refused mutation again, as a new one with the id that is returned, or null. */
  retry(id: string): Promise<string | null>;
  /** Forgets a refused mutation. */
  discard(id: string): Promise<void>;
  /** Calls the appliers anew, after what they depend on has changed, and tells subscribers. */
  replay(): void;

  /** Pushes and pulls now; resolves to whether both succeeded. */
  sync(): Promise<boolean>;
  push(): Promise<boolean>;
  pull(): Promise<boolean>;
  /**
   * Takes up a scope that was denied, by default with the edits that were put aside for that, or a client
   * that was signed out; else the same as `sync`.
   */
  resume(options?: { withEdits?: boolean }): Promise<boolean>;
  /** Forgets the user on this device, in all tabs. What was not sent is lost. */
  signOut(): Promise<void>;
  setAsideQueues(): Promise<SetAsideQueue[]>;
  /** Takes up a queue that was put aside; false if there is none of that client. */
  restoreQueue(client: string): Promise<boolean>;
  /** Forgets a queue that was put aside; false if there is none of that client. */
  discardQueue(client: string): Promise<boolean>;
  /** Takes the scope from this device, as if the server had denied it. */
  lose(reason: { code: string; error: string }): Promise<void>;
  close(): void;

  /** Lets a LiveClient bring changes; give its constructor `receive` and `liveChanged`. */
  follow(live: LiveClient): Promise<void>;
  receive(message: LiveMessage): void;
  liveChanged(status: LiveStatus): void;
}

/** A message of `/ws`, either way: see the protocol. */
export interface LiveMessage {
  type: string;
  topic?: string;
  ref?: string;
  payload?: any;
  code?: string;
  error?: string;
  [member: string]: any;
}

/**
 * "open": something was heard lately; "silent": an answer is overdue; "waiting": the next try has its
 * time; "closed": by `close`, for good.
 */
export type LiveStatus = "idle" | "connecting" | "open" | "silent" | "waiting" | "closed";

export interface LiveClientOptions {
  /** ws: or wss:; by default `/ws` where the page came from. */
  url?: string;
  /** Gets every message but pongs. */
  onMessage?: (message: LiveMessage) => void;
  onStatus?: (status: LiveStatus) => void;
}

/** One WebSocket for as long as the page lives. It connects again by itself, and never gives up. */
export class LiveClient {
  constructor(options?: LiveClientOptions);
  get status(): LiveStatus;
  /** Connects, and stays connected until `close`. */
  connect(): void;
  /**
   * Subscribes now and after each reconnect; a second call for a topic replaces the first.
   * @param position of the state that changes are to follow, or a function that says it then; without
   *   one there are pokes and no changes. For a topic of the app: `{presence: true}` to be shown there
   */
  subscribe(topic: string, position?: object | null | (() => object | null)): void;
  unsubscribe(topic: string): void;
  /**
   * Sends one message with a fresh `ref`.
   * @returns the ref, or null if the socket is not open: then nothing was sent
   */
  send(message: LiveMessage): string | null;
  /** Says that there is a network, whatever the browser says: a waiting client tries at once. */
  wake(): void;
  close(): void;
}

/** A scope that a person has, with their role there. */
export interface ListedScope {
  scope: string;
  role: string | null;
  [member: string]: any;
}

export interface SyncHubOptions {
  /** The server; by default the page's own origin. */
  baseURL?: string;
  /** Who is signed in, as the server knows them: see `whoAmI`. */
  user?: string;
  /** For all scopes. */
  appliers?: { [mutation: string]: Applier };
  /** For the one LiveClient; false for none. */
  live?: LiveClientOptions | false;
  /** See SyncClientOptions. */
  leaseDays?: number;
  /** The server's keys for this user on a device (`deviceKeys` of `whoAmI`); by default the hub asks. */
  sealKey?: string | string[];
  /** See SyncClientOptions; by default asks who is signed in. */
  refreshCredentials?: () => Promise<unknown>;
  /** The server's list of this person's scopes has changed. */
  onScopes?: (told: { scopes: ListedScope[]; came: string[]; went: string[] }) => void;
  onScopeLost?: (told: SetAsideEdits) => void;
  onSetAside?: (told: SetAsideEdits) => void;
  onError?: (fault: ApplierFault) => void;
  /** Somebody else is signed in on this browser, or nobody (null), and the hub has stopped. */
  onUserChanged?: (who: { user: string; name: string | null } | null) => void;
}

/**
 * Several scopes of one person over one socket. Follows the list of their scopes; takes from this device
 * what they may not read any more; knows how to sign out without losing what waits.
 */
export class SyncHub {
  constructor(options?: SyncHubOptions);
  /** Resolves when what this device knows of the person's scopes can be read. */
  ready: Promise<void>;
  user: string;
  /** The client of the person's own scope, `user:ID`; null without a user. */
  home: SyncClient | null;
  live: LiveClient | null;
  /** The scopes that the server lists for this person, by name. */
  get scopes(): ListedScope[];
  /** Of the scopes that are open, or at work to send what waits. */
  get clients(): SyncClient[];
  /** Of all that is open. */
  get status(): { state: SyncStatus["state"]; waiting: number; refused: number };
  /** Opens a scope, or counts one more who wants it; `close` as often. */
  open(scope: string, options?: { initial?: SyncClientOptions["initial"] }): SyncClient;
  /** Gives up what `open` has returned; edits that wait are sent first. */
  close(scope: string): void;
  /** Stops all of it; what is on the device stays there. */
  closeAll(): void;
  sync(): Promise<boolean>;
  /** Calls `listener` after changes of anything that is open; returns what ends it. */
  subscribe(listener: (hub: SyncHub) => void): () => void;
  /**
   * Forgets the person on this device, in all tabs. If edits wait and `keep` is not given, nothing
   * happens and `isDone` is false: ask the person. With `keep` they are sealed for the next time that the
   * same person signs in here; with `keep: false` they are lost.
   */
  signOut(options?: { keep?: boolean }): Promise<{
    isDone: boolean; waiting: number; kept: number; problem: { code: string; error: string } | null;
  }>;
}

/**
 * Asks the server who is signed in, and remembers it for opening offline; never rejects. `source` is
 * "server"; "device" if there was no answer; "unsupported" if the server has no accounts.
 */
export function whoAmI(options?: { baseURL?: string }): Promise<{
  user: string | null; name: string | null; deviceKeys: string[];
  source: "server" | "device" | "unsupported";
}>;
/** A fresh id that nobody can guess: 32 hexadecimal digits. */
export function randomID(): string;
/** A fresh id for a record: ids made on this device sort in the order in which they were made. */
export function orderedID(): string;
/** A function that calls `render` at once, and what is asked for within a frame as one. */
export function oncePerFrame(render: () => void): () => void;
/** Asks the browser, once, to keep this page's storage when the disk runs full. */
export function askToPersist(): Promise<boolean>;
/** The client's version: the folder below `/_mizu/` that it is served in. */
export const version: string;
