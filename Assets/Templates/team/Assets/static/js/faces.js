// Who is here: the members of the topic `here:ID`, each as two letters in a colour of their own.

export class Faces {
  #root;
  #live;
  #topic;
  #name;
  #members = new Map();

  constructor(root, { live }, list, name) {
    this.#root = root;
    this.#live = live;
    this.#topic = `here:${list}`;
    this.#name = name ?? "Somebody";
  }

  begin() {
    this.#live.subscribe(this.#topic, { presence: { info: { name: this.#name } } });
  }

  /** Takes a message of the socket. */
  receive({ topic, payload }) {
    if (topic !== this.#topic || !payload) return;
    const { members, joined = [], left = [], ended } = payload;
    if (members || ended) this.#members.clear();
    for (const one of [...(members ?? []), ...joined]) this.#members.set(one.id, one.info?.name ?? "?");
    for (const id of left) this.#members.delete(id);
    this.#root.replaceChildren(...[...this.#members].slice(0, 8).map(face));
  }
}

function face([id, name]) {
  const letters = name.split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
  const shown = Object.assign(document.createElement("span"), { textContent: letters, title: name });
  shown.style.setProperty("--hue", [...id].reduce((sum, letter) => sum * 31 + letter.codePointAt(0), 7) % 360);
  return shown;
}
