// What this device holds of a scope: the storage, its copy in memory, and the agreement between the
// tabs of one browser, which share the storage. Every durable change goes through `change`: one
// storage transaction, then memory, then the other tabs, then the subscribers. A BroadcastChannel
// carries what a transaction did to the others, so that nobody reads again what they have; if a
// message is missing, storage is read. Knows nothing of the server.

import { Journal } from "./journal.js";
import { LocalStore, samePosition } from "./local-store.js";
import { MutationQueue } from "./mutation-queue.js";
import { Storage } from "./storage.js";

const hearMs = 100; // how long another tab's message may take before we look for ourselves

export class Replica {
  queue = new MutationQueue();
  store = new LocalStore();
  storage;
  journal;
  #name;
  #hooks;
  #client = null;
  #channel = null;
  #messages = 0;
  #rereadTimer = null;

  /**
   * @param {string} name of the storage
   * @param {object} hooks `changed()` after records or queue; `arriving(changes)` before these reach
   *   the records; `read(state)` after all records were read, see LocalStore.read; `reread()` after the
   *   queue was; `heard(message)` after another tab's; `forgot()` when nothing of the state may be shown
   *   any more
   */
  constructor(name, hooks) {
    this.#name = name;
    this.#hooks = hooks;
    this.journal = new Journal(name);
    this.storage = new Storage(name, {
      news: (news) => this.#tookNews(news),
      copy: () => this.#copy(),
      switched: () => this.#switched(),
    });
  }

  /** Opens the storage and shows what it holds. */
  async open() {
    await this.storage.open();
    this.#join();
    // What storage cannot take now stays in the journal, for the next page.
    await this.append(this.journal.rows()).catch((error) => console.warn("mizu:", error));
    await this.reread();
  }

  close() {
    clearTimeout(this.#rereadTimer);
    this.#channel?.close();
    this.#channel = null;
    this.storage.close();
  }

  /** Adds rows to the queue in storage; they are in the journal until it has them. */
  async append(rows) {
    if (rows.length === 0) return;
    await this.storage.append(rows);
    if (this.storage.kind !== "memory") this.journal.remove(rows);
    if (rows.some((row) => this.queue.isUnsaved(row))) {
      // Another tab has met them in the journal; it may be done with them already.
      await this.reread();
      this.queue.forgetUnsaved(rows);
    }
    this.#hooks.changed();
  }

  /**
   * Runs `work(tx)` as one durable transaction and returns its result. Of the result, `patch` and
   * `reread` say how the records have moved; `forgot`, that what was shown may not be shown again;
   * `signedOut` and `lost` (see set-aside.js), that the other tabs must stop, too.
   */
  async change(work) {
    const { store } = this;
    const { result: { result, state, client, at }, news } = await this.storage.transact(
      async (tx) => {
        const result = await work(tx);
        const state = result?.reread ? await LocalStore.read(tx) : null;
        const client = await tx.get("meta", "client");
        return { result, state, client, at: await LocalStore.whereabouts(tx) };
      });
    const { patch = null, forgot = false, signedOut = false, lost = null } = result ?? {};
    if (patch && store.isAt({ position: patch.base, id: at.id })) this.#hooks.arriving(patch.changes);
    // All at once, so that nobody sees a record without its row, both, or neither: where the records
    // have to be read again, the rows are, too.
    this.#client = client;
    this.#journalTakes(news);
    const hasRecords = !patch || store.patch(patch);
    const hasRows = hasRecords && this.#take(news);
    if (state) this.#show(state);
    if (forgot) this.#hooks.forgot();
    if (patch || state || news) {
      const isReplaced = state !== null;
      this.#channel?.postMessage({ patch, news, isReplaced, forgot, signedOut, lost });
    }
    if (!hasRecords) return this.reread().then(() => result);
    this.#hooks.changed();
    if (!hasRows || !store.isAt(at)) this.#rereadSoon();
    return result;
  }

  /** Reads the queue again, and the records if memory is not at the position of storage. */
  async reread() {
    const { queue, store } = this;
    const messages = this.#messages;
    const { client, rows, revision, state } = await this.storage.read(async (tx) => ({
      client: await tx.get("meta", "client"),
      rows: await this.#wholeRows(tx),
      revision: await tx.revision(),
      state: store.isAt(await LocalStore.whereabouts(tx)) ? null : await LocalStore.read(tx),
    }));
    this.#client = client;
    queue.show(rows, revision);
    if (state) this.#show(state);
    // What came meanwhile may have been newer than what was read.
    if (state && messages !== this.#messages) this.#rereadSoon();
    this.#hooks.changed();
    this.#hooks.reread();
  }

  /** Reads all rows, and the args of those alone that memory does not know. */
  async #wholeRows(tx) {
    const rows = await tx.rows();
    const unknown = rows.filter((row) => this.queue.argsOf(row) === undefined);
    if (rows.length > 0 && unknown.length === rows.length) return tx.all("mutations");
    const args = new Map((await tx.withArgs(unknown)).map((row) => [row.seq, row.args]));
    return rows.map((row) => ({ ...row, args: args.get(row.seq) ?? this.queue.argsOf(row) }));
  }

  /** Another tab has moved storage; its message is on the way if there are channels. */
  #rereadSoon() {
    this.#rereadTimer ??= setTimeout(() => {
      this.#rereadTimer = null;
      this.#rereadNow();
    }, hearMs);
  }

  /** A reading that fails is made good by the next change, which finds that something is missing. */
  #rereadNow() {
    this.reread().catch((error) => console.warn("mizu: storage could not be read:", error));
  }

  /** Takes what a transaction outside of `change` did to the queue. */
  #tookNews(news) {
    this.#channel?.postMessage({ patch: null, news });
    this.#journalTakes(news);
    if (!this.#take(news)) this.#rereadSoon();
    this.#hooks.changed();
  }

  /** Brings the queue in memory to `news`; false if something before it is missing. */
  #take(news) {
    return !news || this.queue.take(news);
  }

  /** Without storage the journal keeps edits until they are decided: after a reload, it may work. */
  #journalTakes(news) {
    if (!news || this.storage.kind !== "memory") return;
    const isDecided = ({ op, row }) => op === "remove" || (row && !row.queued);
    this.journal.remove(news.ops.filter(isDecided).map(({ row, id }) => row ?? { id }));
    // The next page must not take what was put aside for another user.
    if (news.ops.some(({ op }) => op === "clear")) this.journal.clear();
  }

  #show(state) {
    this.store.show(state);
    this.#hooks.read(state);
  }

  /** What the page has in memory, for a storage that takes the place of one that is gone. */
  #copy() {
    const { position, sum, id, records } = this.store;
    const meta = position ? { position, sum, state: id } : {};
    if (this.#client) meta.client = this.#client;
    return { meta, records: [...records.values()], rows: this.queue.rows };
  }

  #switched() {
    this.#join();
    if (this.storage.kind !== "memory") this.journal.remove(this.queue.rows);
    this.#rereadNow();
  }

  /** Listens to the other tabs, if they share a storage. */
  #join() {
    this.#channel?.close();
    this.#channel = null;
    if (this.storage.kind !== "indexeddb" || typeof BroadcastChannel !== "function") return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
  }

  #heard(message) {
    const { patch, news, isReplaced, forgot } = message;
    this.#messages += 1;
    if (forgot) this.#hooks.forgot();
    // As in `change`: the rows of records that must be read are read with them.
    const hasRecords = !isReplaced &&
      (!patch || this.store.patch(patch) || this.store.isPast(patch));
    const hasRows = hasRecords && this.#take(news);
    this.#hooks.heard({ ...message, isPatched: Boolean(patch) && hasRecords });
    this.#hooks.changed();
    if (isReplaced || (!patch && !news)) this.#rereadNow();
    else if (!hasRows) this.#rereadSoon();
  }
}

/** True if both are the same position, or both are none. */
export function isSame(one, other) {
  return one && other ? samePosition(one, other) : !one && !other;
}
