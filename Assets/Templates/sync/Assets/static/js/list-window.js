// Which records of a list are shown: the first of those that pass the filter, up to a limit that
// grows by the person's wish, and behind the gap those that are pinned: what this page has just
// added, and where a link led to. A scope may hold 100,000 records; a page with as many elements
// answers no key press. Knows no elements.

export const pageSize = 100;
export const pinnedMax = 20; // records that are shown beyond the limit
const insertionMax = 500; // up to here a sorted part is kept by insertion, beyond it all are sorted

export class ListWindow {
  #limit = pageSize;
  #pinned = [];
  #compare;

  /** @param {(a: object, b: object) => number} compare the order of the list */
  constructor(compare) {
    this.#compare = compare;
  }

  /** Shows `pageSize` more from now on. */
  grow() {
    this.#limit += pageSize;
  }

  /** Begins anew, with the first page. */
  reset() {
    this.#limit = pageSize;
    this.#pinned = [];
  }

  /** Keeps the record called `id` in sight, wherever it stands. */
  pin(id) {
    this.#pinned = [...this.#pinned.filter((one) => one !== id), id].slice(-pinnedMax);
  }

  /**
   * Returns what to show of `records`, all of which pass the filter: the `head` in order, how many
   * are `left` out, and the `tail` of pinned ones behind them. Costs a look at each record, and
   * sorts no more than is shown.
   */
  select(records) {
    const head = firstOf(records, this.#limit, this.#compare);
    const shown = new Set(head);
    const isPinned = (one) => this.#pinned.includes(one.id) && !shown.has(one);
    const tail = head.length < records.length && this.#pinned.length > 0
      ? records.filter(isPinned).sort(this.#compare) : [];
    return { head, tail, left: records.length - head.length - tail.length };
  }
}

/** Returns the first `count` of `records` by `compare`, in order. */
export function firstOf(records, count, compare) {
  if (records.length <= count || count > insertionMax) {
    return [...records].sort(compare).slice(0, count);
  }
  const first = [];
  for (const record of records) {
    if (first.length === count && compare(record, first[count - 1]) >= 0) continue;
    first.splice(placeOf(record, first, compare), 0, record);
    if (first.length > count) first.pop();
  }
  return first;
}

/** The place of `record` in `sorted`, by halves. */
function placeOf(record, sorted, compare) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(record, sorted[middle]) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
