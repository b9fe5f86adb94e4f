// Random waits that keep clients apart if all begin a snapshot for the same reason: a backup was put
// back, a log was trimmed. Each waits a random part of 5 s, of twice that if it has to wait again, and
// so on to five minutes.

const firstMs = 5000;
const capMs = 300_000;

export class Spread {
  #doublings = 0;

  /** Returns how many milliseconds to wait now; the next answer comes from twice the bound. */
  next() {
    const bound = Math.min(capMs, firstMs * 2 ** Math.min(this.#doublings, 16));
    this.#doublings += 1;
    return Math.random() * bound;
  }

  /** The wait has led to what it was for: the next bound is the first one again. */
  reset() {
    this.#doublings = 0;
  }
}
