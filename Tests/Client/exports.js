// Says what the client exports, as one JSON object: each name with its kind, and the members that a
// class shows. Run by Tests/Process/test_client.py, which compares it with mizu.d.ts.

import * as client from "./client/mizu.js";

const members = (made) => Object.entries(Object.getOwnPropertyDescriptors(made.prototype))
  .filter(([name]) => name !== "constructor")
  .map(([name, { value }]) => value ? `${name}/${value.length}` : name);

const found = Object.entries(client).map(([name, value]) => {
  if (typeof value !== "function") return [name, typeof value];
  return [name, /^class\b/.test(String(value)) ? members(value) : `function/${value.length}`];
});
console.log(JSON.stringify(Object.fromEntries(found)));
