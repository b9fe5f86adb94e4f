// Whether the records here are those that the server has, and what to do when they are not. The
// server sends a checksum now and then; one that differs at the very same position means that
// something was lost or left over, by whatever fault, and only a snapshot heals that. Chance keeps
// a herd apart (see spread.js). Knows sums and times, and nothing of records.
//
//   agreed ──differs──► waiting ──timer──► due ──taken──► agreed
//
// The bound of the wait doubles from one healing to the next, until a comparison agrees.

import { Spread } from "./spread.js";

const recountEachMs = 20_000;
const recountShare = 200; // a recount may take this part of the time between two of them

export class StateCheck {
  /** True if a snapshot must be taken although the position is good. */
  isDue = false;
  /** The id of the state that must be replaced, while that is due. */
  staleID = null;
  #spread = new Spread();
  #timer = 0;
  #recountAt = 0;
  #onDue;

  /** @param {() => void} onDue called when it is time for the snapshot */
  constructor(onDue) {
    this.#onDue = onDue;
  }

  /**
   * Takes two checksums of one position, and the id of the state that `own` is of; null or undefined
   * stands for a checksum that is not known.
   */
  compare(own, told, id) {
    if (!own || typeof told !== "string") return;
    if (own === told) this.#spread.reset();
    else this.differs(id);
  }

  /** Sets the time of the snapshot that takes the place of the state `id`, unless it is set. */
  differs(id) {
    if (this.#timer || this.isDue) return;
    this.staleID = id;
    console.warn("mizu: the records here are not the server's, and will be fetched anew");
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.isDue = true;
      this.#onDue();
    }, this.#spread.next());
  }

  /** The snapshot is taken, or another tab has taken it. */
  taken() {
    this.isDue = false;
  }

  /**
   * Whether storage should be counted again: it holds what memory does, unless somebody broke
   * it. The longer a count takes, the rarer it is.
   */
  get isRecountDue() {
    return performance.now() >= this.#recountAt;
  }

  recounted(beganAt) {
    const now = performance.now();
    this.#recountAt = now + Math.max(recountEachMs, (now - beganAt) * recountShare);
  }

  close() {
    clearTimeout(this.#timer);
  }
}
