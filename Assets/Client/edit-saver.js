// Puts the edits that people have just made into storage. What is made in one go is stored in one
// transaction, so that many edits cost one flush; a page that is reloaded in the same moment loses
// nothing, because the journal has the edit before its maker goes on (see journal.js). Edits that
// cannot be kept (a full disk, most of all) go from the screen again: nothing was promised. Knows
// the queue's rows, and nothing of what is in them.

export class EditSaver {
  /** {code, error} while the last edits could not be kept, else null. */
  problem = null;
  #replica;
  #ready;
  #hooks;
  #saves = new Map();
  /** Why edits were not kept, by id, for as long as the page lives: somebody may ask late. */
  #failures = new Map();
  #rows = [];
  #saving = null;

  /**
   * @param {Replica} replica whose queue has the rows, and whose storage takes them
   * @param {Promise<void>} ready when storage is open
   * @param {object} hooks `stored()` after edits were, `givenUp()` after some went from the screen
   */
  constructor(replica, ready, hooks) {
    this.#replica = replica;
    this.#ready = ready;
    this.#hooks = hooks;
  }

  /** Stores a row that the queue has just made, together with the others of this moment. */
  save(row) {
    this.#replica.journal.write(row);
    this.#rows.push(row);
    this.#saving ??= this.#saveAll();
    const saving = this.#saving;
    this.#saves.set(row.id, saving);
    saving.catch(() => {}).finally(() => this.#saves.delete(row.id));
  }

  /** Resolves when the row is in storage; rejects if it could not be kept, also if asked late. */
  async saved(id) {
    await this.#saves.get(id);
    if (this.#failures.has(id)) throw this.#failures.get(id);
  }

  async #saveAll() {
    await this.#ready;
    const rows = this.#rows;
    this.#rows = [];
    this.#saving = null;
    try {
      await this.#replica.append(rows);
    } catch (error) {
      this.#giveUp(rows, error);
      throw error;
    }
    this.problem = null;
    this.#hooks.stored();
  }

  #giveUp(rows, error) {
    this.#replica.queue.forgetUnsaved(rows);
    this.#replica.journal.remove(rows);
    for (const { id } of rows) this.#failures.set(id, error);
    const text = `This browser could not keep an edit: ${error}`;
    this.problem = { code: "not_saved", error: text };
    this.#hooks.givenUp();
  }
}
