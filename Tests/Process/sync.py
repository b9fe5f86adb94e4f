"""The requests of protocol.md in short, as the tests say them."""

import itertools
import uuid

from wire import post


def murmur(data, seed):
    """MurmurHash3_x86_32."""
    def mixed(word):
        word = word * 0xCC9E2D51 & 0xFFFFFFFF
        return (word << 15 | word >> 17) * 0x1B873593 & 0xFFFFFFFF

    value, whole = seed, len(data) & ~3
    for start in range(0, whole, 4):
        value ^= mixed(int.from_bytes(data[start:start + 4], "little"))
        value = ((value << 13 | value >> 19) & 0xFFFFFFFF) * 5 + 0xE6546B64 & 0xFFFFFFFF
    value ^= mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ value >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16


def checksum(records):
    """What protocol.md, "The checksum", says of a snapshot's records."""
    texts = [b"\0".join([record["entity"].encode(), record["id"].encode(),
                         str(record["version"]).encode()]) for record in records]
    return "".join(
        f"{sum(murmur(text, seed) for text in texts) & 0xFFFFFFFF:08x}" for seed in (0, 1))


def new_id():
    return uuid.uuid4().hex


_scopes = itertools.count(1)


def new_scope(name="s"):
    """A scope nobody else uses: tests share a server and stay strangers."""
    return f"{name}-{next(_scopes)}-{new_id()[:8]}"


def mutation(name, _id=None, **args):
    return {"id": _id or new_id(), "name": name, "args": args}


def create(record=None, title="milk", _id=None):
    return mutation("todo.create", _id, id=record or new_id(), title=title)


def push(target, scope, *mutations, client=None):
    """The results of a push that is answered 200, matched by id."""
    body = {"scope": scope, "mutations": list(mutations)}
    if client is not None:
        body["client"] = client
    answer = post(target, "/_sync/push", body)
    assert answer.status == 200, answer
    results = answer.json["results"]
    assert [r["id"] for r in results] == [m["id"] for m in mutations], results
    return results


def push_one(target, scope, one, client=None):
    return push(target, scope, one, client=client)[0]


def pull(target, scope, cursor=0, epoch=None, limit=None):
    """The answer of a pull, whatever its status."""
    body = {"scope": scope, "cursor": cursor}
    if epoch is not None:
        body["epoch"] = epoch
    if limit is not None:
        body["limit"] = limit
    return post(target, "/_sync/pull", body)


def pull_all(target, scope, cursor=0, epoch=None, limit=1000):
    """Every change after a position, checked to be gapless, and the new position."""
    changes = []
    while True:
        answer = pull(target, scope, cursor, epoch, limit)
        assert answer.status == 200, answer
        page = answer.json
        for change in page["changes"]:
            cursor += 1
            assert change["cursor"] == cursor, f"cursor {change['cursor']} where {cursor} is next"
        assert page["next_cursor"] == cursor, page
        changes += page["changes"]
        epoch = page["epoch"]
        if not page["has_more"]:
            return changes, cursor, epoch
        assert page["changes"], "has_more without a change would never end"


def snapshot(target, scope, limit=None, following=None):
    body = {"scope": scope}
    if limit is not None:
        body["limit"] = limit
    if following is not None:
        body["next"] = following
    return post(target, "/_sync/snapshot", body)


def apply(state, changes):
    """Replays changes over a dictionary of (entity, id) to data: each is a whole record."""
    for change in changes:
        key = change["entity"], change["id"]
        if change["op"] == "delete":
            state.pop(key, None)
        else:
            state[key] = change["data"]
    return state


def state_of(records):
    return {(r["entity"], r["id"]): r["data"] for r in records}


def snapshot_all(target, scope, limit=1000):
    """All pages of a snapshot; what a client does with them is in its own tests."""
    answer = snapshot(target, scope, limit)
    assert answer.status == 200, answer
    first = page = answer.json
    records = list(page["records"])
    while page["has_more"]:
        answer = snapshot(target, scope, limit, page["next"])
        assert answer.status == 200, answer
        page = answer.json
        records += page["records"]
    return records, first["cursor"], first["epoch"]
