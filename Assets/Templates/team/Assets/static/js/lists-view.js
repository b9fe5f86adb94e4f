// The list of lists: titles of what this device holds, and the form that makes a new one.

export class ListsView {
  #root;
  #make;

  /** @param {{make: (title: string) => void}} actions */
  constructor(root, { make }) {
    this.#root = root;
    this.#make = make;
    root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make(event.target.elements.title.value);
    });
    const told = sessionStorage.getItem("told");
    if (!told) return;
    sessionStorage.removeItem("told");
    const note = Object.assign(document.createElement("p"), { className: "problem", textContent: told });
    note.setAttribute("role", "alert");
    root.prepend(note);
  }

  /** Shows what the hub has open, in the order of titles. */
  show(hub) {
    const lists = hub.clients.filter((one) => one.isShown && one.scope.startsWith("list:"))
      .map((one) => ({ id: one.scope.slice(5), title: one.get("list", "list")?.title }))
      .filter(({ title }) => title !== undefined)
      .sort((a, b) => a.title.localeCompare(b.title));
    this.#root.querySelector(".lists").replaceChildren(...lists.map(({ id, title }) => {
      const link = Object.assign(document.createElement("a"), { href: `/lists/${id}`, textContent: title });
      const row = document.createElement("li");
      row.dataset.id = id;
      row.append(link);
      return row;
    }));
  }
}
