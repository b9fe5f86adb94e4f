// What the scopes of one page share: the server, the user, the way there (link.js), the gate of their
// requests (request-gate.js), the occasions at which they ask (occasions.js), and the credentials, which
// are renewed once for all of them. A SyncClient without a hub has a session of its own. Where one
// scope can ask for all, the first one does: it is the lead.
//
// A member is {syncNow(ageMs), hasten(), poll(), probe(), told(), liveChanged(status, turn, isLead)}: see
// SyncClient.

import { Link } from "./link.js";
import { Occasions } from "./occasions.js";
import { RequestGate } from "./request-gate.js";

export class Session {
  baseURL;
  user;
  link = new Link();
  gate = new RequestGate(() => this.#members.size > 1, () => this.#mended());
  #members = new Set();
  #occasions = null;
  /** Whose pushes these are, for the server to compare; "" without a hub: a name of the page's own. */
  claim;
  /** Asks, after `wrong_user`, whether the page's user has changed; then it stops by itself. */
  isSomebodyElse;
  #refresh;
  #refreshing = null;

  /** @param {() => Promise<any>} refreshCredentials called after a 401, see SyncClient */
  constructor({
    baseURL = "", user = "", refreshCredentials = async () => false,
    isSomebodyElse = async () => false, claim = "",
  } = {}) {
    this.baseURL = baseURL;
    this.user = user;
    this.claim = claim;
    this.isSomebodyElse = isSomebodyElse;
    this.#refresh = refreshCredentials;
  }

  join(member) {
    this.#members.add(member);
    this.#occasions ??= new Occasions({
      syncNow: (ageMs) => this.syncNow(ageMs),
      poll: () => this.#each((one) => one.poll()),
      probe: () => this.#probe(),
      isSaidOffline: () => this.link.isSaidOffline,
      saidOffline: () => {
        this.link.saidOffline();
        this.#tell();
      },
    });
  }

  leave(member) {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#occasions?.close();
    this.#occasions = null;
  }

  /** Takes the outcome of an exchange. */
  exchanged(kind) {
    this.link.exchanged(kind);
    this.#tell();
  }

  /** Takes the status of the live connection. */
  liveChanged(status) {
    const wasOpen = this.link.isLiveOpen;
    this.link.liveChanged(status);
    const isOpen = this.link.isLiveOpen;
    const turn = isOpen === wasOpen ? null : isOpen ? "opened" : "lost";
    const [lead] = this.#members;
    this.#each((one) => one.liveChanged(status, turn, one === lead));
  }

  /** Pushes and pulls all scopes at once, a few at a time; see SyncCore.syncNow. */
  syncNow(ageMs) {
    this.gate.urge();
    this.#each((one) => one.syncNow(ageMs));
  }

  /** Somebody has made an edit, and wants it sent. */
  edited() {
    this.#occasions?.edited();
  }

  /** Renews the credentials, once for all who ask meanwhile; resolves to what the app has said. */
  refresh() {
    this.#refreshing ??= Promise.resolve().then(this.#refresh)
      .finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  /** Tries although the browser says that it is offline; what works for one scope works for all. */
  async #probe() {
    const [lead] = this.#members;
    this.gate.urge();
    if (!(await lead?.probe())) return;
    this.#each((one) => one !== lead && one.syncNow(Infinity));
  }

  #mended() {
    this.#each((one) => one.hasten());
  }

  #tell() {
    this.#each((one) => one.told());
  }

  #each(act) {
    for (const one of [...this.#members]) act(one);
  }
}
