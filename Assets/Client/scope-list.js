// Which scopes a user has, as the server lists them in the user's own scope (`user:ID`, records
// `mizu.scope`), and what has changed since this device last dealt with it. The list that was dealt
// with lies beside the records and is written after the deed: a page that is closed in between does it
// again. Pure: knows records and names, and neither clients nor storage.

/** Returns the list as [{scope, role, …}], by name: entries are [id, data] of `mizu.scope`. */
export function scopesOf(entries) {
  return entries.map(([scope, data]) => ({ role: null, ...data, scope }))
    .sort((a, b) => a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0);
}

/**
 * Compares two lists.
 * @returns {{came: string[], went: string[], isSame: boolean}} `isSame` is false also if a role changed
 */
export function scopeChanges(before, after) {
  const [old, now] = [before, after].map((list) => new Map(list.map((one) => [one.scope, one])));
  const came = [...now.keys()].filter((scope) => !old.has(scope));
  const went = [...old.keys()].filter((scope) => !now.has(scope));
  const isSame = came.length + went.length === 0 &&
    after.every((one) => JSON.stringify(one) === JSON.stringify(old.get(one.scope)));
  return { came, went, isSame };
}

/** Returns the one word for several scopes: the first of these that one of them has. */
export function stateOf(states) {
  return ["offline", "error", "syncing"].find((one) => states.includes(one)) ?? "online";
}
