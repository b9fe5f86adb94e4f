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
  put(entity: string, id: string, data: object): void;
  remove(entity: string, id: string): void;
}

/**
 * Shows what a mutation does, before the server has said so. It is called anew whenever records or
 * queue change, so it depends on nothing but its parameters; one that throws shows no effect.
 * `time` is RFC 3339, by this device's clock.
 */
export type Applier = (
  store: RecordStore, args: any, mutation: { id: string; time: string }) => void;

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
  /** What stands in the way of syncing. */
  problem: { code: string; error: string } | null;
}

/** A queue that was put aside because another user signed in. */
export interface SetAsideQueue {
  client: string;
  rows: Edit[];
  time: string;
}

/**
 * A client of one scope. Edits are shown at once, kept in a queue that survives the browser, sent in
 * order, and applied by the server exactly once. Works offline and in several tabs.
 */
export class SyncClient {
  constructor(options?: SyncClientOptions);

  /** Resolves when the storage is open and what it holds can be read by `get` and `all`. */
  ready: Promise<void>;

  /** A record's data as it is shown, pending mutations included; undefined if there is none. */
  get(entity: string, id: string): any;
  /** The data of all records of an entity, in no order. */
  all(entity: string): any[];
  /** "pending" while a mutation of the record waits for the server. */
  statusOf(entity: string, id: string): "pending" | "synced";
  /** The edits on this device, oldest first. */
  get edits(): Edit[];
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
  /** Takes up a scope that was denied, or a client that was signed out; else the same as `sync`. */
  resume(): Promise<boolean>;
  /** Forgets the user on this device, in all tabs. What was not sent is lost. */
  signOut(): Promise<void>;
  setAsideQueues(): Promise<SetAsideQueue[]>;
  /** Takes up a queue that was put aside; false if there is none of that client. */
  restoreQueue(client: string): Promise<boolean>;
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
