// The edits of people who have signed out with edits waiting, on a device that others use, too. They are
// sealed (AES-256-GCM) with a key that the server gives to sessions of that user alone, and lie under a
// label that is made from that key: so nothing here says whose they are or what they are, and only
// who signs in as the same user again can open them. A browser that has no WebCrypto (a page over
// plain http from another host) seals nothing. What is kept is bounded: where there is too much, what was
// kept longest ago goes first. A cookie tells the server that there is something, so that a sign-out by a
// plain form does not take it. Knows texts, and nothing of mutations.

const keptDatabase = "mizu-kept";
const keptStore = "kept";
const keyBytes = 32;
const keptMax = 32; // sign-outs whose edits a device keeps
const bytesMax = 16 * 1024 * 1024; // of all but the last
const keptCookie = "mizu-kept";
const cookieSeconds = 400 * 86400; // the longest that browsers take; each start of a hub renews it

/**
 * Makes seals of the server's keys (base64url of 32 bytes); those that are none are left out.
 * @returns {Promise<{label: string, key: CryptoKey}[]>} may lie in IndexedDB; the key cannot be read out
 */
export async function sealsOf(texts) {
  const seals = [];
  for (const text of globalThis.crypto?.subtle ? texts : []) {
    const raw = bytesOf(text);
    if (raw?.length !== keyBytes) continue;
    const named = new Uint8Array([...new TextEncoder().encode("mizu-kept\0"), ...raw]);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", named));
    const label = Array.from(digest.slice(0, 16), (one) => one.toString(16).padStart(2, "0")).join("");
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
    seals.push({ label, key });
  }
  return seals;
}

/**
 * Seals a value that JSON can write, and keeps it; resolves once it is durable. Of what was kept before as
 * much stays as there is room for, the latest first.
 */
export async function keepSealed({ label, key }, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const text = new TextEncoder().encode(JSON.stringify(value));
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, text);
  await withStore("readwrite", (kept) => {
    let [count, bytes] = [1, data.byteLength];
    const older = kept.openCursor(null, "prev"); // keys grow: the latest first
    older.onsuccess = () => {
      const cursor = older.result;
      if (!cursor) return kept.add({ label, iv, data });
      count += 1;
      bytes += cursor.value.data.byteLength;
      if (count > keptMax || bytes > bytesMax) cursor.delete();
      cursor.continue();
    };
    return [];
  });
  tellKept(true);
}

/**
 * Opens what was kept under `seals`, and forgets each once `take` has it.
 * @param {(value: any) => Promise<void>} take makes it durable elsewhere; it may be given one twice
 */
export async function takeSealed(seals, take) {
  if (seals.length === 0) return;
  const [keys, values] = await withStore("readonly", (kept) => [kept.getAllKeys(), kept.getAll()]);
  let left = values.length;
  for (const [index, { label, iv, data }] of values.entries()) {
    const seal = seals.find((one) => one.label === label);
    if (!seal) continue;
    const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, seal.key, data)
      .catch(() => null); // not what was kept: nobody can open it
    if (text) await take(JSON.parse(new TextDecoder().decode(text)));
    await withStore("readwrite", (kept) => kept.delete(keys[index]));
    left -= 1;
  }
  tellKept(left > 0);
}

function tellKept(isAny) {
  if (typeof document === "undefined") return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const age = isAny ? cookieSeconds : 0;
  document.cookie = `${keptCookie}=${isAny ? 1 : ""}; Path=/; SameSite=Lax; Max-Age=${age}${secure}`;
}

/** Runs `work` in one transaction; resolves to the results of the requests that it returns. */
async function withStore(mode, work) {
  const opened = await new Promise((resolve, reject) => {
    const request = indexedDB.open(keptDatabase, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(keptStore, { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = opened.transaction(keptStore, mode, { durability: "strict" });
      const requests = [work(transaction.objectStore(keptStore))].flat();
      transaction.oncomplete = () => resolve(requests.map((one) => one.result));
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    opened.close();
  }
}

function bytesOf(text) {
  try {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (one) => one.charCodeAt(0));
  } catch {
    return null;
  }
}
