"""A client can prove its state: what differs from the server's checksum is fetched anew."""

import pytest

import stored
from faults import Faults

PULL, SNAPSHOT = "/_sync/pull", "/_sync/snapshot"
MASK = 0xFFFFFFFF


def murmur3(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32, written here once more: the page's own must agree with it."""
    def mixed(word: int) -> int:
        word = word * 0xCC9E2D51 & MASK
        return (word << 15 | word >> 17) * 0x1B873593 & MASK

    value, tail = seed, len(data) & ~3
    for at in range(0, tail, 4):
        value ^= mixed(int.from_bytes(data[at:at + 4], "little"))
        value = ((value << 13 | value >> 19) * 5 + 0xE6546B64) & MASK
    if len(data) > tail:
        value ^= mixed(int.from_bytes(data[tail:], "little"))
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & MASK
    value = (value ^ value >> 13) * 0xC2B2AE35 & MASK
    return value ^ value >> 16


def checksum(*records: dict) -> str:
    names = [f"{one['entity']}\0{one['id']}\0{one['version']}".encode() for one in records]
    high, low = (sum(murmur3(name, seed) for name in names) & MASK for seed in (0, 1))
    return f"{high:08x}{low:08x}"


def record(id: str, version: int) -> dict:
    data = {"id": id, "title": id.upper(), "done": False,
            "created": f"2026-01-01T00:00:0{version}.000Z"}
    return {"entity": "todo", "id": id, "version": version, "data": data}


A, B, C = record("a", 3), record("b", 4), record("c", 5)
HEAD = {"changes": [], "has_more": False, "next_cursor": 5, "epoch": "e"}


def snapshot(*records: dict, told: bool = True) -> dict:
    page = {"cursor": 5, "epoch": "e", "count": len(records), "has_more": False,
            "records": list(records)}
    return {**page, "checksum": checksum(*records)} if told else page


@pytest.fixture
def begun(open_page, watch):
    """A page that a 410 makes take the snapshot that a test gives; live is off, chance is small."""
    watch.network_may_fail = True
    todo = open_page()
    todo.expect_state("online")
    todo.page.evaluate("mizu.live.close()")
    todo.page.evaluate("mizu.client.sync()")
    todo.page.evaluate("() => { Math.random = () => 0.01; }")
    faults = Faults().over(todo.page)

    def begin(page: dict, *later: dict):
        faults.refuse(PULL, 410, "epoch_changed")
        for answer in (page, *later):
            faults.answer(SNAPSHOT, 200, answer)
        todo.page.evaluate("() => { mizu.client.pull(); }")
        return todo, faults

    return begin


def test_the_hash_is_murmur3_and_the_sum_has_no_order(open_page):
    todo = open_page()
    texts = ["", "a", "test", "Hello, world!", "zwölf Boxkämpfer \0 jagen Viktor", "日本語"]
    theirs = todo.page.evaluate("""async ([texts, records]) => {
        const { murmur3, sumOf, moved, checksum } = await import("mizu/checksum.js");
        const bytes = (text) => new TextEncoder().encode(text);
        const sum = sumOf(records);
        return [
            texts.map((text) => [murmur3(bytes(text), 0), murmur3(bytes(text), 1)]),
            checksum(sum), checksum(sumOf([...records].reverse())),
            checksum(moved(sum, records[0], -1)), checksum(sumOf([])),
            checksum(sumOf([{ entity: "todo", id: "x" }])),
        ];
    }""", [texts, [A, B, C]])
    assert theirs == [
        [[murmur3(text.encode(), seed) for seed in (0, 1)] for text in texts],
        checksum(A, B, C), checksum(A, B, C), checksum(B, C), "0" * 16, None]
    # From the published test vectors of MurmurHash3.
    assert murmur3(b"", 1) == 0x514E28B7
    assert murmur3(b"Hello, world!", 0) == 0xC0363E43


def test_the_sum_follows_creates_updates_and_deletes(begun):
    todo, faults = begun(snapshot(A, B))
    todo.expect_titles("A", "B")

    def change(cursor: int, id: str, op: str) -> dict:
        made = {"cursor": cursor, "entity": "todo", "id": id, "op": op, "mutation": f"m{cursor}"}
        return made if op == "delete" else {**made, "data": record(id, cursor)["data"]}

    changes = [change(6, "a", "update"), change(7, "c", "create"), change(8, "b", "delete"),
               change(9, "a", "update")]
    told = checksum(record("a", 9), record("c", 7))
    faults.answer(PULL, 200, {"changes": changes, "has_more": False, "next_cursor": 9,
                              "epoch": "e", "checksum": told})
    faults.answer(PULL, 200, {**HEAD, "next_cursor": 9, "checksum": told}, times=20)
    todo.page.evaluate("mizu.client.pull()")
    todo.expect_titles("C", "A")
    todo.page.evaluate("mizu.client.pull()")
    kept = stored.run(todo.page, """
        const transaction = database.transaction("meta");
        const request = transaction.objectStore("meta").get("sum");
        await over(transaction);
        return request.result;""")
    high, low = (kept[half].to_bytes(4, "big").hex() for half in ("high", "low"))
    assert high + low == told
    assert len(faults.bodies(SNAPSHOT)) == 1


def test_a_state_that_lacks_a_record_is_fetched_anew(begun):
    """The server's own fault, or ours: whatever made it, it does not stay."""
    todo, faults = begun(snapshot(A, B, told=False), snapshot(A, B, C))
    faults.answer(PULL, 200, {**HEAD, "checksum": checksum(A, B, C)}, times=50)
    todo.expect_titles("A", "B")
    todo.page.evaluate("() => { mizu.client.pull(); }")
    todo.expect_titles("A", "B", "C")
    todo.page.evaluate("mizu.client.pull()")
    todo.page.evaluate("mizu.client.pull()")
    assert len(faults.bodies(SNAPSHOT)) == 2
    todo.expect_state("online")


def test_a_record_broken_behind_the_clients_back_is_healed(begun):
    todo, faults = begun(snapshot(A, B), snapshot(A, B))
    faults.answer(PULL, 200, {**HEAD, "checksum": checksum(A, B)}, times=50)
    todo.expect_titles("A", "B")
    stored.delete_record(todo.page, "todo", "a")
    # Storage is counted now and then: that time has come.
    todo.page.evaluate("""async () => {
        const now = performance.now.bind(performance);
        performance.now = () => now() + 3_600_000;
        await mizu.client.pull();
    }""")
    for _ in range(3000):
        if len(stored.values(todo.page, "records")) == 2:
            break
        todo.page.wait_for_timeout(20)
    assert [one["id"] for one in stored.values(todo.page, "records")] == ["a", "b"]
    todo.page.evaluate("mizu.client.pull()")
    assert len(faults.bodies(SNAPSHOT)) == 2
    todo.expect_titles("A", "B")


def test_a_record_that_went_while_no_page_was_open_is_noticed_at_the_next_start(begun):
    todo, faults = begun(snapshot(A, B), snapshot(A, B))
    faults.answer(PULL, 200, HEAD, times=50)  # a server that tells no checksum
    todo.expect_titles("A", "B")
    stored.delete_record(todo.page, "todo", "a")
    todo.page.add_init_script("Math.random = () => 0.01; WebSocket = class {};")
    todo.page.reload()
    todo.expect_titles("A", "B")
    assert len(faults.bodies(SNAPSHOT)) == 2


def test_the_servers_own_checksum_is_the_pages(server, open_page):
    """All that makes and changes records, here and from afar, and then a record that went."""
    todo, other = open_page(), open_page()
    todo.add("One", "Two", "Three")
    other.expect_titles("One", "Two", "Three")
    other.edit("Two", "Second")
    other.checkbox("One").check()
    todo.delete("Three")
    for tab in (todo, other):
        tab.expect_titles("One", "Second")
        tab.expect_synced()
        told = tab.page.evaluate("""async () => {
            const { cursor, epoch } = mizu.client.position;
            const response = await fetch("/_sync/pull", { method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ cursor, epoch }) });
            return (await response.json()).checksum;
        }""")
        kept = stored.run(tab.page, """
            const request = database.transaction("meta").objectStore("meta").get("sum");
            return new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
        """)
        assert "".join(kept[half].to_bytes(4, "big").hex() for half in ("high", "low")) == told
    id = stored.values(todo.page, "records")[0]["id"]
    stored.delete_record(todo.page, "todo", id)
    todo.page.add_init_script("Math.random = () => 0.01;")
    todo.page.reload()
    todo.expect_titles("One", "Second")
    todo.expect_synced()


def test_what_keeps_differing_is_fetched_ever_more_rarely(open_page):
    waits = open_page().page.evaluate("""async () => {
        const { Spread } = await import("mizu/spread.js");
        Math.random = () => 1;
        const spread = new Spread();
        const waits = Array.from({ length: 8 }, () => spread.next());
        spread.reset();
        return [...waits, spread.next()];
    }""")
    assert waits == [5000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 5000]


def test_a_state_without_versions_is_not_judged(begun):
    """From a server before the checksum: nothing is known of it until its next snapshot."""
    bare = {**A, "version": None}
    del bare["version"]
    todo, faults = begun({**snapshot(told=False), "records": [bare]})
    faults.answer(PULL, 200, {**HEAD, "checksum": "0123456789abcdef"}, times=20)
    todo.expect_titles("A")
    for _ in range(3):
        todo.page.evaluate("mizu.client.pull()")
    assert len(faults.bodies(SNAPSHOT)) == 1
