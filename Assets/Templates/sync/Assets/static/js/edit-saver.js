// Puts the edits that people have just made into storage. What is made in one go is stored in one
// transaction, so that many edits cost one flush; a page that is reloaded in the same moment loses
// nothing. Edits that cannot be kept (a full disk, most of all) go from the screen again: nothing
// was promised. Knows the queue's rows, and nothing of what is in them.

export class EditSaver {
  /** {code, error} while the last edits could not be kept, else null. */
  problem = null;
  #core;
  #ready;
  #onChange;
  #saves = new Map();
  #rows = [];
  #saving = null;

  /**
   * @param {SyncCore} core whose queue has the rows, and whose storage takes them
   * @param {Promise<void>} ready when storage is open
   * @param {() => void} onChange told when edits went from the screen
   */
  constructor(core, ready, onChange) {
    this.#core = core;
    this.#ready = ready;
    this.#onChange = onChange;
  }

  /** Stores a row that the queue has just made, together with the others of this moment. */
  save(row) {
    this.#rows.push(row);
    this.#saving ??= this.#saveAll();
    const saving = this.#saving;
    this.#saves.set(row.id, saving);
    saving.catch(() => {}).finally(() => this.#saves.delete(row.id));
  }

  /** Resolves when the row is in storage; rejects where it could not be kept. */
  saved(id) {
    return this.#saves.get(id);
  }

  async #saveAll() {
    await this.#ready;
    const rows = this.#rows;
    this.#rows = [];
    this.#saving = null;
    try {
      await this.#core.storage.append(rows);
    } catch (error) {
      this.#giveUp(rows, error);
      throw error;
    }
    this.problem = null;
    await this.#core.change(async () => ({ saved: rows }));
    this.#core.pushLane.request();
  }

  #giveUp(rows, error) {
    const { queue } = this.#core;
    queue.forgetUnsaved(rows);
    queue.show(queue.rows.filter((one) => !rows.includes(one)));
    const text = `This browser could not keep an edit: ${error}`;
    this.problem = { code: "not_saved", error: text };
    this.#onChange();
  }
}
