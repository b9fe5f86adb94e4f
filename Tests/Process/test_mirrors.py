"""Clients that follow a scope over `/ws` by the rule of protocol.md, "Position", while others push
over HTTP and WebSocket through several workers: each comes to exactly the server's state, from
deltas, pokes and pulls alone, and so does a snapshot that was read in pages meanwhile."""

import random
import threading
import time

import pytest

from sync import (apply, create, mutation, new_id, new_scope, pull, pull_all, push, push_one,
                  snapshot, snapshot_all, state_of)
from wire import Connection, WebSocket

PUSHERS, TURNS, MIRRORS = 8, 15, 4


class Mirror:
    """One follower's state, moved by nothing but changes one above another."""

    def __init__(self, server, scope, seed, pause=0.0):
        self.scope, self.pause, self.rng = scope, pause, random.Random(seed)
        self.state, self.cursor, self.epoch = {}, 0, None
        self.socket, self.http = WebSocket(server), Connection(server)

    def take(self, changes, epoch):
        for change in changes:
            if change["cursor"] > self.cursor:
                assert change["cursor"] == self.cursor + 1, f"a gap above {self.cursor}: {change}"
                apply(self.state, [change])
                self.cursor, self.epoch = change["cursor"], epoch

    def catch_up(self):
        more = True
        while more:
            answer = pull(self.http, self.scope, self.cursor, self.epoch,
                          self.rng.choice([1, 3, 7, 100, 1000]))
            assert answer.status == 200, answer
            page = answer.json
            self.take(page["changes"], page["epoch"])
            assert self.cursor == page["next_cursor"], page
            more = page["has_more"]

    def follow(self, has_last):
        """Subscribes from 0 and follows until a change of which `has_last` is true."""
        self.socket.send_json({"type": "subscribe", "ref": "1", "topic": f"sync:{self.scope}",
                               "cursor": 0})
        acknowledged = False
        while not has_last(self.state):
            message = self.socket.receive_json()
            payload = message.get("payload", {})
            if message["type"] == "ack":
                acknowledged = True
                continue
            assert acknowledged, f"before its ack: {message}"
            if message["type"] == "delta":
                assert [change["cursor"] for change in payload["changes"]] == list(
                    range(payload["base"] + 1, payload["cursor"] + 1)), message
                if payload["base"] <= self.cursor:
                    self.take(payload["changes"], payload["epoch"])
                else:
                    self.catch_up()
            else:
                assert message["type"] == "sync", message
                if payload["cursor"] > self.cursor:
                    self.catch_up()
            time.sleep(self.rng.random() * self.pause)


def push_some(server, scope, seed, over_socket):
    """TURNS pushes in order, of which some are refused, as a client with one queue does it."""
    rng, records, client, last = random.Random(seed), [], new_id(), 0
    connection = WebSocket(server) if over_socket else Connection(server)
    for turn in range(TURNS):
        batch = []
        for _ in range(rng.randint(1, 6)):
            if not records or rng.random() < 0.5:
                records.append(new_id())
                batch.append(create(records[-1], "t" * rng.randint(1, 400)))
            else:
                name, args = rng.choice([("toggle", {}), ("delete", {}),
                                         ("update", {"title": "é🦊"})])
                batch.append(mutation(f"todo.{name}", id=rng.choice(records), **args))
        if over_socket:
            results = connection.ask({"type": "push", "ref": str(turn), "scope": scope,
                                      "client": client, "mutations": batch})["payload"]["results"]
            assert [result["id"] for result in results] == [one["id"] for one in batch]
        else:
            results = push(connection, scope, *batch, client=client)
        for result in results:
            if result["ok"]:
                assert result["cursor"] >= last, "apply order is log order"
                last = result["cursor"]
            else:
                assert result["code"] == "not_found", result
    connection.close()


def read_in_pages(server, scope, into):
    """A snapshot of small pages, with the position of its first one."""
    page = first = snapshot(server, scope, 5).json
    records = list(page["records"])
    while page["has_more"]:
        page = snapshot(server, scope, 5, page["next"]).json
        records += page["records"]
    into.update(state=state_of(records), cursor=first["cursor"], epoch=first["epoch"])


@pytest.mark.parametrize("workers,seed", [("1", 1), ("2", 2), ("4", 3)])
def test_every_mirror_comes_to_the_servers_state(start, workers, seed):
    server = start(env={"WORKERS": workers}).ready()
    scope, last, failures, paged = new_scope(), new_id(), [], {}

    def run(work, *arguments):
        def guarded():
            try:
                work(*arguments)
            except BaseException as error:  # told below, in the main thread
                failures.append(error)
        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    mirrors = [Mirror(server, scope, seed * 10 + n, 0.003 if n == 0 else 0) for n in range(MIRRORS)]
    followers = [run(one.follow, lambda state: ("todo", last) in state) for one in mirrors]
    pushers = [run(push_some, server, scope, seed * 100 + n, n % 2 == 1) for n in range(PUSHERS)]
    pages = run(read_in_pages, server, scope, paged)
    for thread in [*pushers, pages]:
        thread.join(60)
    assert push_one(server, scope, create(last))["ok"]
    for thread in followers:
        thread.join(60)
    assert not failures, failures
    truth = state_of(snapshot_all(server, scope)[0])
    assert apply({}, pull_all(server, scope)[0]) == truth
    tail, _, _ = pull_all(server, scope, paged["cursor"], paged["epoch"])
    assert apply(paged["state"], tail) == truth
    for mirror in mirrors:
        assert mirror.state == truth
        mirror.socket.close()
        mirror.http.close()
