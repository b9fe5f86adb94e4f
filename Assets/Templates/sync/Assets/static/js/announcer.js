// Says things to screen readers that the eye sees by itself: one polite live region, which stands
// empty in the page (a region that arrives with its text is not read). What comes while another
// message waits to be read follows it, so that neither swallows the other.

const gatherMs = 60; // a region that is emptied and filled within one task may stay unread

export class Announcer {
  #region;
  #waiting = [];
  #timer = 0;

  /** @param {Element} region an empty element with `role="status"` */
  constructor(region) {
    this.#region = region;
  }

  /** Reads `text` out when the screen reader comes to it. */
  say(text) {
    this.#waiting.push(text);
    this.#region.textContent = "";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#region.textContent = this.#waiting.join(". ");
      this.#waiting = [];
    }, gatherMs);
  }
}
