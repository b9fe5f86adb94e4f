// Passkeys for pages: `import { registerPasskey, signInWithPasskey } from "mizu/passkeys.js"`. Each
// is a question of the server's, the browser's own dialogue, and the answer. It keeps nothing, and
// shows nothing: a page says what became of it. It stands alone, so that a page may take it without
// the rest of the client.

/** Whether this browser and this page can do it: passkeys need HTTPS, or localhost. */
export const passkeysWork = () =>
  globalThis.isSecureContext === true && typeof globalThis.PublicKeyCredential === "function";

/**
 * Adds a passkey to the account of who is signed in.
 * `password` is needed if the sign-in is more than ten minutes ago. Throws a `PasskeyError`.
 */
export async function registerPasskey({ prefix = "/account", name, password } = {}) {
  const { note, options } = await ask(`${prefix}/passkeys/register/options`, {});
  options.challenge = bytes(options.challenge);
  options.user.id = bytes(options.user.id);
  for (const known of options.excludeCredentials) known.id = bytes(known.id);
  const made = await chosen(() => navigator.credentials.create({ publicKey: options }));
  const credential = answer(made, ["clientDataJSON", "attestationObject"]);
  await ask(`${prefix}/passkeys/register`, { note, name, password, credential });
}

/** Signs in, and returns who it is and the path to go on at. Throws a `PasskeyError`. */
export async function signInWithPasskey({ prefix = "/account", next } = {}) {
  const { note, options } = await ask(`${prefix}/passkeys/sign-in/options`, {});
  options.challenge = bytes(options.challenge);
  const made = await chosen(() => navigator.credentials.get({ publicKey: options }));
  const parts = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];
  return ask(`${prefix}/passkeys/sign-in`, { note, next, credential: answer(made, parts) });
}

/** Why it did not work: `code` is the server's, or `cancelled` if the dialogue was ended. */
export class PasskeyError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "PasskeyError";
    this.code = code;
  }
}

async function ask(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const reply = await response.json().catch(() => ({}));
  if (!response.ok) throw new PasskeyError(reply.code ?? "unavailable", reply.error ?? "");
  return reply;
}

async function chosen(open) {
  try {
    return await open();
  } catch (error) {
    throw new PasskeyError("cancelled", error.message);
  }
}

function answer(credential, parts) {
  const response = {};
  for (const part of parts) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
}

// base64url, RFC 4648 §5, without padding.
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
