// What the mutations do to the records in the page: the same as ListMutator.swift, without its refusals.

export const appliers = {
  "list.title": (store, { title }) => store.put("list", "list", { title: cleaned(title) }),
  "item.add": (store, { id, title }, { time }) =>
    store.put("item", id, { id, title: cleaned(title), done: false, created: time }),
  "item.edit": (store, { id, title, done }) => {
    const item = store.get("item", id);
    if (!item) return;
    store.put("item", id, {
      ...item, title: title === undefined ? item.title : cleaned(title), done: done ?? item.done,
    });
  },
  "item.delete": (store, { id }) => store.remove("item", id),
};

function cleaned(title) {
  return title.trim().split(/\s+/).join(" ");
}
