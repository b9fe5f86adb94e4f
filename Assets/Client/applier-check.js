// Compares what an applier has shown with what the server has made of the same mutation, while the app
// is developed. The applier is run on the server's records as they were before the mutation, so that
// only the two pieces of code can differ and not what they began with. Told are
//
//   a record that only one of the two has written or deleted,
//   a member that the server has written and the applier has not, or otherwise.
//
// Not told are members that only the applier has (the page's own marks), times, which are of two
// clocks, and what the framework itself writes beside (`mizu.…`).

import { recordKey } from "./local-store.js";
import { Overlay } from "./replay.js";

const isTimeText = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);

/**
 * Returns the differences: {entity, id, shown, confirmed}, with undefined for a record that is not there.
 * @param {Map} records the server's, by `recordKey`, before `changes`
 * @param {object} row of the queue
 * @param {object} appliers the app's functions by mutation name
 * @param {string} user whose mutation it is
 * @param {object[]} changes of the log that name the mutation
 */
export function differences(records, row, appliers, user, changes) {
  const overlay = new Overlay(records, [{ ...row, replayed: true }], appliers, user);
  if (typeof appliers[row.name] !== "function" || overlay.failures.length > 0) return [];
  const confirmed = new Map(changes.map((one) => [recordKey(one.entity, one.id), one]));
  const found = [];
  for (const key of new Set([...overlay.written.keys(), ...confirmed.keys()])) {
    const [entity, id] = JSON.parse(key);
    const change = confirmed.get(key);
    const before = records.get(key)?.data;
    const shown = overlay.get(entity, id);
    const made = change ? (change.op === "delete" ? undefined : change.data) : before;
    if (!entity.startsWith("mizu.") && !agrees(shown, made)) {
      found.push({ entity, id, shown, confirmed: made });
    }
  }
  return found;
}

/** Whether `shown` has all that `made` has. */
function agrees(shown, made) {
  if (isTimeText(shown) && isTimeText(made)) return true;
  const isObject = (value) => value !== null && typeof value === "object";
  if (!isObject(made) || !isObject(shown)) return shown === made;
  if (Array.isArray(made) !== Array.isArray(shown)) return false;
  if (Array.isArray(made) && made.length !== shown.length) return false;
  return Object.entries(made).every(([name, value]) => agrees(shown[name], value));
}
