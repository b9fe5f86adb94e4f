// The page of the expenses app: what its mutations will do, shown at once, and the list.

import { SyncHub, oncePerFrame, orderedID, whoAmI } from "mizu";

const count = (store, expense, sign) => {
  const month = expense.day.slice(0, 7);
  const total = store.get("total", month) ?? { cents: 0, byPayer: {} };
  const own = (total.byPayer[expense.payer] ?? 0) + sign * expense.cents;
  const { [expense.payer]: _, ...others } = total.byPayer;
  store.put("total", month, {
    cents: total.cents + sign * expense.cents,
    byPayer: own === 0 ? others : { ...others, [expense.payer]: own },
  });
};

const appliers = {
  "expense.add": (store, args, { time, user }) => {
    const expense = { day: time, ...args, payer: user };
    store.put("expense", args.id, expense);
    count(store, expense, 1);
  },
  "expense.delete": (store, { id }) => {
    const old = store.get("expense", id);
    if (!old) return;
    store.remove("expense", id);
    count(store, old, -1);
  },
};

const { user } = await whoAmI();
const page = document.querySelector("main");
const client = new SyncHub({ user: user ?? "", appliers }).open(page.dataset.household);
client.subscribe(oncePerFrame(() => page.querySelector("ul").replaceChildren(...client.all("expense").map(
  ({ title, cents }) => Object.assign(document.createElement("li"), { textContent: `${title}: ${cents / 100}` })))));
page.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { title, cents } = event.target.elements;
  client.mutate("expense.add", { id: orderedID(), title: title.value, cents: Number(cents.value) });
});
