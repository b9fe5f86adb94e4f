// The same verbs as IndexedDB's storage, over plain maps: for a browser without a working
// IndexedDB. Transactions run one after the other; one that throws leaves no trace. What is here
// belongs to one page and is gone with it.

export class MemoryStorage {
  kind = "memory";
  #stores = { meta: new Map(), mutations: new Map(), records: new Map(), aside: new Map() };
  #lastSeq = 0;
  #tail = Promise.resolve();

  read(work) {
    return this.write(work);
  }

  append(rows) {
    return this.write(async (tx) => {
      for (const row of rows) await tx.append(row);
    });
  }

  /** Runs `work` after all that came before it; its effects are kept only if it does not throw. */
  write(work) {
    const turn = this.#tail.then(async () => {
      const draft = {};
      const result = await work(new MemoryTransaction(this.#stores, draft, () => ++this.#lastSeq));
      Object.assign(this.#stores, draft);
      return result;
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }
}

class MemoryTransaction {
  #stores;
  #draft;
  #nextSeq;

  constructor(stores, draft, nextSeq) {
    this.#stores = stores;
    this.#draft = draft;
    this.#nextSeq = nextSeq;
  }

  async get(store, key) {
    return structuredClone(this.#reading(store).get(word(key)));
  }

  async all(store) {
    return structuredClone([...this.#reading(store).values()]);
  }

  async put(store, key, value) {
    this.#writing(store).set(word(key), structuredClone(value));
  }

  async append(row) {
    const numbered = { ...row, seq: this.#nextSeq() };
    await this.put("mutations", numbered.seq, numbered);
    return numbered;
  }

  async remove(store, key) {
    this.#writing(store).delete(word(key));
  }

  async clear(store) {
    this.#draft[store] = new Map();
  }

  #reading(store) {
    return this.#draft[store] ?? this.#stores[store];
  }

  /** The first write to a store copies it: that copy is what a failed transaction throws away. */
  #writing(store) {
    this.#draft[store] ??= new Map(this.#stores[store]);
    return this.#draft[store];
  }
}

const word = (key) => JSON.stringify(key);
