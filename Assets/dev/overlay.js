// Shows over the page why the last build failed: the compiler's complaints, each with its place and
// the code around it. Goes when a build succeeds, or until the next failure with Escape or its button.

export class Overlay {
  #host = document.createElement("div");
  #box;

  constructor() {
    this.#host.className = "mizu-dev-overlay";
    this.#host.hidden = true;
    const root = this.#host.attachShadow({ mode: "open" });
    root.append(styles(), this.#box = element("section", { role: "alert" }));
    document.addEventListener("keydown", (event) => {
      // An input method's Escape gives up a composition (UI Events §5.7), and nothing of ours.
      const isComposing = event.isComposing || event.keyCode === 229;
      if (event.key === "Escape" && !isComposing) this.hide();
    });
  }

  /** @param {object} state {phase, title, text, diagnostics}, as `mizu dev` tells it */
  show({ phase, title, text, diagnostics }) {
    if (phase === "ok") this.hide();
    if (phase !== "failed") return;
    const close = element("button", { type: "button", class: "close" }, "Dismiss");
    close.addEventListener("click", () => this.hide());
    const parts = diagnostics.filter(({ severity }) => severity === "error").map(complaint);
    if (text) parts.push(element("pre", {}, text));
    const note = "This page is from the last good build. It changes when the next build succeeds.";
    this.#box.replaceChildren(
      element("h1", {}, title), close, ...parts, element("p", { class: "note" }, note));
    this.#host.hidden = false;
    if (!this.#host.isConnected) document.body.append(this.#host);
  }

  hide() {
    this.#host.hidden = true;
  }
}

function complaint({ file, line, column, message, excerpt }) {
  const article = element("article", {});
  if (file) article.append(element("p", { class: "place" }, `${file}:${line}:${column}`));
  article.append(element("p", { class: "message" }, message));
  if (excerpt) article.append(element("pre", {}, excerpt));
  return article;
}

/** The stylesheet of the tools, for a shadow root: the page's own styles do not reach into it. */
export function styles() {
  return element("link", { rel: "stylesheet", href: "/_dev/dev.css" });
}

export function element(tag, attributes, text) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
