// What the server's refusals mean to the person who reads them: sentences for the codes of the
// protocol, and what an edit was, in words. A code that is not here brings the server's own sentence.
// Knows no page.

import { problemOfTitle } from "./title-field.js";

const verbs = {
  "todo.create": "Adding",
  "todo.update": "Changing",
  "todo.toggle": "Ticking",
  "todo.delete": "Deleting",
};

const sentences = {
  conflict: "Something else was done to it at the same time.",
  forbidden: "You may not change this list.",
  id_reused: "Something else was sent under its name before.",
  internal_error: "The server failed at it several times.",
  not_found: "Somebody has deleted it in the meantime.",
  scope_denied: "You may not change this list.",
  too_large: "It is too large to be sent.",
  unknown_mutation: "The server does not know how to do that. Load the page again: it may be older than the server.",
};

const problems = {
  origin_denied: "the server takes no edits from this address",
  rate_limited: "too much at once, it goes on by itself",
  scope_denied: "you may not see this list",
  unauthenticated: "sign in again to go on",
  unavailable: "the server is busy, it goes on by itself",
  wrong_user: "another person is signed in",
};

/** Returns what the edit was about to do: "Adding", "Deleting", … */
export function verbOf({ name }) {
  return verbs[name] ?? name;
}

/** Returns why it was refused, as one sentence or two. */
export function reasonOf({ code, error, args }) {
  if (code === "invalid_mutation") {
    const problem = typeof args.title === "string" ? problemOfTitle(args.title) : null;
    return problem ?? quoted(error);
  }
  if (code === "not_found" && args.title !== undefined) {
    return `${sentences.not_found} “Edit” makes a new one of it.`;
  }
  if (code.startsWith("quota_")) return "There is no room for more. Delete something, then try again.";
  return sentences[code] ?? quoted(error);
}

/** The server's own words, such as those that a mutator refuses with. */
const quoted = (error) => `The server says: ${error.replace(/\.$/, "")}.`;

/** Returns what stands in the way of syncing as a whole, for the status line. */
export function problemInWords({ code, error }) {
  return problems[code] ?? error;
}
