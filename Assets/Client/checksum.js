// The checksum of a client's records, to be compared with the server's checksum of the same
// position: 64 bits, the sum over all records of a hash of entity, id and version. A sum does not
// ask for an order, so one change costs one subtraction and one addition. It finds records that are
// missing, left over, or older than they should be; it does not protect against somebody who wants
// to deceive. The hash is MurmurHash3_x86_32, with seed 0 for the high half and 1 for the low one.

const encoder = new TextEncoder();
const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

const rotated = (value, bits) => (value << bits) | (value >>> (32 - bits));
const mixed = (word) => Math.imul(rotated(Math.imul(word, c1), 15), c2);

/** Returns MurmurHash3_x86_32 of `bytes` as an unsigned number. */
export function murmur3(bytes, seed) {
  const tail = bytes.length & ~3;
  let hash = seed | 0;
  for (let at = 0; at < tail; at += 4) {
    const word = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    hash = Math.imul(rotated(hash ^ mixed(word), 13), 5) + 0xe6546b64 | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= tail; at -= 1) rest = rest << 8 | bytes[at];
  if (bytes.length > tail) hash ^= mixed(rest);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

/** The sum of no records. */
export const emptySum = { high: 0, low: 0 };

/** Returns `sum` with `record` added (or with `sign` -1 taken out); null if it has no version. */
export function moved(sum, record, sign) {
  if (!sum || !Number.isSafeInteger(record.version)) return null;
  const bytes = encoder.encode(`${record.entity}\0${record.id}\0${record.version}`);
  return {
    high: sum.high + sign * murmur3(bytes, 0) >>> 0,
    low: sum.low + sign * murmur3(bytes, 1) >>> 0,
  };
}

/** Returns the sum of `records`; null if one of them has no version. */
export function sumOf(records) {
  let sum = emptySum;
  for (const record of records) sum = moved(sum, record, 1);
  return sum;
}

/** Returns what the server would write: 16 hexadecimal digits; null for a sum that is not known. */
export const checksum = (sum) => sum && digits(sum.high) + digits(sum.low);

const digits = (number) => number.toString(16).padStart(8, "0");
