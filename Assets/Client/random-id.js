// Makes ids that nobody can guess and nothing repeats: 128 random bits, as 32 hexadecimal digits.
// `crypto.randomUUID` exists only in secure contexts; `getRandomValues` exists everywhere, so it
// is the fallback for a page that was opened over plain http from another host.

/**
 * Returns a fresh id of 128 random bits (122 if the browser's own UUID is used).
 * @returns {string} lower-case hexadecimal digits, 32 of them
 */
export function randomID() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID().replaceAll("-", "");
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

let lastOrdered = { time: 0, count: 0 };

/**
 * Returns a fresh id for a record: time, count and 64 random bits, so that ids made on this device
 * sort in the order in which they were made. Records that were made offline reach the server in one
 * push and get the same `created` to the millisecond; by their ids they keep their order.
 * @returns {string} lower-case hexadecimal digits, 32 of them
 */
export function orderedID() {
  const time = Math.max(Date.now(), lastOrdered.time);
  lastOrdered = { time, count: time === lastOrdered.time ? lastOrdered.count + 1 : 0 };
  const digits = (number, length) => number.toString(16).padStart(length, "0");
  return digits(time, 12) + digits(lastOrdered.count & 0xffff, 4) + randomID().slice(16);
}
