// What a SyncClient shows of a scope: nothing where nobody may look, else the server's records (or those
// that the page came with, until there are others) with the queue's effects on top. It is computed when
// somebody looks, and again after each change.

import { ApplierWatch } from "./applier-watch.js";
import { isLeaseOver } from "./lease.js";
import { recordsByKey } from "./local-store.js";
import { Overlay } from "./replay.js";

const emptyOverlay = () => new Overlay(new Map(), [], {});

export class View {
  #core;
  #user;
  #appliers;
  #initial;
  #leaseDays;
  #watch;
  #overlay = null;
  #wasHidden = false;

  /**
   * @param {SyncCore} core says what there is, and whether it may be shown
   * @param {string} user whose edits the queue has
   * @param {object} options of the SyncClient: scope, appliers, initial, leaseDays, onError
   */
  constructor(core, user, { scope, appliers, initial, leaseDays, onError }) {
    this.#core = core;
    this.#user = user;
    this.#appliers = appliers;
    this.#initial = recordsByKey(initial);
    this.#leaseDays = leaseDays;
    this.#watch = new ApplierWatch(scope, appliers, user, onError);
  }

  /** The records as they are shown; see replay.js. */
  get overlay() {
    this.#wasHidden = this.isHidden;
    if (!this.isShown) return emptyOverlay();
    if (this.#overlay) return this.#overlay;
    const { store, queue } = this.#core.replica;
    const base = store.position ? store.records : this.#initial;
    this.#overlay = new Overlay(base, queue.rows, this.#appliers, this.#user);
    this.#watch.failed(this.#overlay.failures);
    return this.#overlay;
  }

  /** False while nobody may look. */
  get isShown() {
    return !this.#core.isDenied && !this.isHidden;
  }

  /** True while the lease is over; see lease.js. */
  get isHidden() {
    const { lastSync, replica } = this.#core;
    return isLeaseOver(this.#leaseDays, replica.store.position && lastSync);
  }

  /** Whether the lease has ended, or the server was heard again, since somebody looked. */
  get hasTurned() {
    return this.isHidden !== this.#wasHidden;
  }

  /** Records or queue have changed. */
  changed() {
    this.#overlay = null;
  }

  /** Nothing of the state may be shown any more: the records that the page came with belong to it. */
  forgot() {
    this.#initial = new Map();
    this.#overlay = null;
  }

  /** Takes changes that are about to reach the records. */
  arriving(changes) {
    const { store, queue } = this.#core.replica;
    this.#watch.compare(store.records, queue.rows, changes);
  }
}
