// One list: its items, its members, and their forms, which are those that the server renders: each is
// taken from the page's templates and filled in, so that both look and read the same.

export class ListView {
  #root;
  #hub;
  #mutate;

  /** @param {(name: string, args: object) => void} mutate */
  constructor(root, hub, mutate) {
    this.#root = root;
    this.#hub = hub;
    this.#mutate = mutate;
    root.addEventListener("submit", (event) => this.#submit(event));
    root.addEventListener("change", ({ target }) => {
      if (target.name !== "done") return;
      mutate("item.edit", { id: target.form.elements.id.value, done: target.checked });
    });
  }

  /** @param {SyncClient} client of the list; undefined where it is gone */
  show(client) {
    if (!client?.isShown) return;
    const { role } = client;
    const title = client.get("list", "list")?.title ?? "A new list";
    document.title = `${title} · Mizu Team`;
    this.#root.querySelector(".title").textContent = title;
    this.#root.querySelector(".add").hidden = role === "reader";
    this.#root.querySelector(".invite").hidden = role !== "owner";
    const items = client.all("item").sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#fill(".items", items, "item", (row, { id, title: words, done }) => {
      row.querySelector("[name=id]").value = id;
      row.querySelector("[name=done]").checked = done;
      row.querySelector("[name=done]").setAttribute("aria-label", `Done: ${words}`);
      row.querySelector("[value=delete]").setAttribute("aria-label", `Delete ${words}`);
      row.querySelector(".title").textContent = words;
      row.querySelector(".title").classList.toggle("is-done", done);
      row.querySelector(".title").dataset.pending = client.statusOf("item", id) === "pending";
    });
    const members = client.entries("mizu.grant").map(([id, grant]) => ({ id, ...grant }));
    this.#fill(".members", members, "member", (row, { id, name, role: theirs }) => {
      const isMe = id === this.#hub.user;
      row.querySelector("[name=user]").value = id;
      row.querySelector(".name").textContent = name || "Somebody";
      row.querySelector(".role").textContent = theirs;
      row.querySelector("[value=owner]").hidden = role !== "owner" || theirs === "owner";
      row.querySelector("[value=remove]").hidden = !isMe && role !== "owner";
      row.querySelector("[value=remove]").textContent = isMe ? "Leave" : "Remove";
    });
  }

  /** One row for each record, by id: rows that stay keep their place, and the focus that is in them. */
  #fill(place, records, template, set) {
    const list = this.#root.querySelector(place);
    const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
    const wanted = records.map((record) => {
      const row = rows.get(record.id)
        ?? document.querySelector(`template#${template}`).content.querySelector("li").cloneNode(true);
      row.dataset.id = record.id;
      set(row, record);
      return row;
    });
    if (wanted.length !== list.children.length || wanted.some((row, at) => row !== list.children[at])) {
      list.replaceChildren(...wanted);
    }
  }

  /** What an invitation is made of comes from the server alone, so its form stays a plain one. */
  #submit(event) {
    const { elements } = event.target;
    const action = event.submitter?.value;
    if (action === "invite") return;
    event.preventDefault();
    if (action === "add") {
      this.#mutate("item.add", { title: elements.title.value });
      event.target.reset();
      elements.title.focus();
    }
    if (action === "delete") this.#mutate("item.delete", { id: elements.id.value });
    if (action === "owner") this.#mutate("member.role", { user: elements.user.value, role: "owner" });
    if (action === "remove") this.#mutate("member.remove", { user: elements.user.value });
  }
}
