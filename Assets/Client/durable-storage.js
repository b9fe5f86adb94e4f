// Asks the browser to keep this page's storage when the disk runs full: what waits in it exists
// nowhere else. Asked when the first edit is made and not before, because some browsers ask the
// person, who then sees what for; and never twice, whatever the answer was.

const askedKey = "mizu-asked-to-persist";

/** Resolves to whether the storage is kept; false if the browser cannot say. */
export async function askToPersist() {
  try {
    if (!navigator.storage?.persist) return false;
    if (await navigator.storage.persisted()) return true;
    if (localStorage.getItem(askedKey)) return false;
    localStorage.setItem(askedKey, "yes");
    return await navigator.storage.persist();
  } catch {
    return false; // no storage at all: there is nothing to keep
  }
}
