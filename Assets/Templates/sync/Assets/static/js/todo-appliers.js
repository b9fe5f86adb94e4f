// What each todo mutation does to the records on the screen before the server has said so: the same
// rules as Sources/App/Services/TodoMutator.swift. An applier that returns without a write shows no
// effect; whether the mutation is refused is the server's word alone. Knows no page.

export const todoAppliers = {
  "todo.create": (store, { id, title }, { time }) => {
    if (store.get("todo", id)) return;
    // `time` is this device's clock, which may be wrong; the server will set its own.
    store.put("todo", id, { id, title: title.trim(), done: false, created: time, isNew: true });
  },
  "todo.update": (store, { id, title, done }) => {
    change(store, id, (todo) => ({
      ...todo,
      title: title === undefined ? todo.title : title.trim(),
      done: done === undefined ? todo.done : done,
    }));
  },
  "todo.toggle": (store, { id, done }) => {
    change(store, id, (todo) => ({ ...todo, done: done === undefined ? !todo.done : done }));
  },
  "todo.delete": (store, { id }) => store.remove("todo", id),
};

function change(store, id, edit) {
  const todo = store.get("todo", id);
  if (todo) store.put("todo", id, edit(todo));
}

/**
 * Compares by the order in which todos are shown, here and on the server: by time of creation, then by
 * id. What the server has not confirmed stands behind all that it has, as it will when the server
 * gives it a time of its own: so it does not jump, whatever this device's clock says.
 */
export function inOrder(a, b) {
  if (a.isNew !== b.isNew) return a.isNew ? 1 : -1;
  if (!a.isNew && a.created !== b.created) return a.created < b.created ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
