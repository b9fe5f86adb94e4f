// Passkeys on the built-in pages of accounts: shows what needs JavaScript, where the browser can do
// it. On a sign-in page that is a button; on the account's page the list of passkeys, with buttons
// that add and remove. The element with the id `passkeys` says where, and its `data-prefix` where
// the endpoints are. Without JavaScript nothing of it is there, and passwords go on to work.

import { passkeysWork, registerPasskey, signInWithPasskey } from "./passkeys.js";

const place = document.getElementById("passkeys");
const prefix = place?.dataset.prefix ?? "/account";

if (place && passkeysWork()) {
  place.hidden = false;
  const status = place.appendChild(document.createElement("p"));
  status.setAttribute("role", "status");

  /** A button that says what became of its work. */
  const button = (label, work) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.addEventListener("click", async () => {
      made.disabled = true;
      status.textContent = "";
      try {
        await work();
      } catch (error) {
        status.textContent =
          error.code === "forbidden"
            ? "Sign in again first: that was too long ago."
            : "That did not work with a passkey.";
      }
      made.disabled = false;
    });
    return made;
  };

  if (place.dataset.for === "sign-in") {
    const form = document.querySelector("form");
    const next = form?.elements.namedItem("next")?.value;
    status.before(
      button("Sign in with a passkey", async () => {
        location.assign((await signInWithPasskey({ prefix, next })).next);
      }),
    );
  } else {
    const list = document.createElement("ul");
    const show = async () => {
      const headers = { Accept: "application/json" };
      const response = await fetch(`${prefix}/passkeys`, { headers });
      const { passkeys = [] } = response.ok ? await response.json() : {};
      list.replaceChildren(
        ...passkeys.map(({ id, name, created }) => {
          const item = document.createElement("li");
          item.append(`${name}, since ${new Date(created).toLocaleDateString()} `);
          const remove = button("Remove", async () => {
            await fetch(`${prefix}/passkeys/remove`, {
              method: "POST",
              headers: { "Content-Type": "application/json" },
              body: JSON.stringify({ id }),
            });
            await show();
          });
          remove.setAttribute("aria-label", `Remove the passkey ${name}`);
          item.append(remove);
          return item;
        }),
      );
    };
    const add = button("Add a passkey", async () => {
      await registerPasskey({ prefix });
      await show();
    });
    status.before(list, add);
    await show();
  }
}
