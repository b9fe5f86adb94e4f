// Says things to screen readers that the eye sees by itself: one polite live region, which stands
// empty in the page (a region that arrives with its text is not read). Each message is an element of
// its own, and stays until it has been read: a text that takes the place of another may be all that
// is read of both.

const keptMs = 10_000; // longer than it takes to come to a message and to read it

export class Announcer {
  #region;

  /** @param {Element} region an empty element with `role="status"` and `aria-atomic="false"` */
  constructor(region) {
    this.#region = region;
  }

  /** Reads `text` out when the screen reader comes to it. */
  say(text) {
    const message = document.createElement("p");
    message.textContent = text;
    this.#region.append(message);
    setTimeout(() => message.remove(), keptMs);
  }
}
