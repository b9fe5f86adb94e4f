// Makes ids that nobody can guess and nothing repeats: 128 random bits, as 32 hexadecimal digits.
// `crypto.randomUUID` exists only in secure contexts; `getRandomValues` exists everywhere, so it
// is the fallback for a page that was opened over plain http from another host.

/**
 * Returns a fresh id of 128 random bits (122 where the browser's own UUID is used).
 * @returns {string} lower-case hexadecimal digits, 32 of them
 */
export function randomID() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID().replaceAll("-", "");
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
