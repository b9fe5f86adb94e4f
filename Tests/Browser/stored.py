"""What a page keeps in IndexedDB, looked at and broken from outside of the client."""

import json

from playwright.sync_api import Page

NAME = 'mizu:["","_default",""]'

# Runs `work(database)` over a connection of its own, which is closed again.
CONNECTED = """
    const connected = (work) => new Promise((resolve, reject) => {
        const request = indexedDB.open(%s);
        request.onerror = () => reject(request.error);
        request.onsuccess = async () => {
            try { resolve(await work(request.result)); }
            catch (error) { reject(error); }
            finally { request.result.close(); }
        };
    });
    const over = (transaction) => new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
    });
""" % json.dumps(NAME)


def run(page: Page, body: str, *arguments):
    """Runs `body` with `database` and `values` at hand."""
    return page.evaluate(f"""async (values) => {{
        {CONNECTED}
        return connected(async (database) => {{ {body} }});
    }}""", list(arguments))


def values(page: Page, store: str) -> list:
    return run(page, """
        const transaction = database.transaction(values[0]);
        const request = transaction.objectStore(values[0]).getAll();
        await over(transaction);
        return request.result;""", store)


def clear(page: Page) -> None:
    """Empties every store: what a browser's eviction or a person's clearing comes to."""
    run(page, """
        const transaction = database.transaction(database.objectStoreNames, "readwrite");
        for (const name of database.objectStoreNames) transaction.objectStore(name).clear();
        await over(transaction);""")


def delete_record(page: Page, entity: str, id: str) -> None:
    run(page, """
        const transaction = database.transaction("records", "readwrite");
        transaction.objectStore("records").delete(values);
        await over(transaction);""", entity, id)
