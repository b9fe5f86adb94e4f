"""protocol.md, "One truth", and all that people notice of it, over two nodes on one PostgreSQL: what one has
answered the other shows at once, whoever is signed in, out or taken out of a list at one is so at the
other, and who is here is told by both. With news by Redis, by PostgreSQL itself, and by polling alone
(behind PgBouncer without a way to LISTEN).
"""

import contextlib
import json
import re
import signal
import urllib.parse
from pathlib import Path

import pytest

import people
import server as processes
from daemon import Missing
from pgbouncer import PgBouncer
from redis_server import Redis
from server import wait_until
from sync import create, mutation, new_id, new_scope, pull, pull_all, push, push_one, snapshot
from test_protocol_ws import subscribe
from wire import WebSocket, fetch

TEAM = Path(processes.MIZU).with_name("MizuTeamServer")
CARRIERS = ("redis", "notify", "poll")


@pytest.fixture(scope="module", params=CARRIERS)
def carrier(request, postgres_cluster):
    """(carrier, settings of a node) on a new database."""
    cluster = postgres_cluster
    with contextlib.ExitStack() as stack:
        name = cluster.create_database()
        stack.callback(cluster.drop_database, name)
        settings = {"DATABASE_URL": cluster.url(name), "WORKERS": "2"}
        try:
            if request.param == "redis":
                settings["REDIS_URL"] = stack.enter_context(Redis()).start().url
            elif request.param == "poll":
                bouncer = stack.enter_context(PgBouncer(cluster, pool=12)).start()
                settings["DATABASE_URL"] = bouncer.url(name)
        except Missing as reason:
            pytest.skip(str(reason))
        yield request.param, settings


def pair(carrier, tmp_path_factory, **options):
    """Two nodes, started at once on an empty database."""
    nodes = [processes.Server(tmp_path_factory.mktemp("node"), env=carrier[1], **options)
             for _ in range(2)]
    return [node.ready() for node in nodes]


def end(nodes):
    try:
        for node in nodes:
            assert node.child.poll() is None, f"a node died: {node.errors}"
            node.stop(60)
    finally:
        for node in nodes:
            node.kill()


@pytest.fixture(scope="module")
def nodes(carrier, tmp_path_factory):
    found = pair(carrier, tmp_path_factory)
    yield found
    end(found)


def test_what_one_node_has_answered_every_answer_of_the_other_shows(nodes):
    scope, epoch, record = new_scope(), None, new_id()
    for turn in range(40):
        one, other = nodes[turn % 2], nodes[1 - turn % 2]
        result = push_one(one, scope, create(record) if turn == 0 else mutation(
            "todo.update", id=record, title=f"turn {turn}"))
        assert result["ok"] and result["cursor"] == turn + 1, result
        epoch = epoch or result["epoch"]
        page = pull(other, scope, turn, epoch)
        assert page.status == 200 and page.json["changes"] == result["changes"], page
        if turn % 4 == 0:
            answer = snapshot(other, scope).json
            assert answer["cursor"] == turn + 1 and answer["records"][0]["version"] == turn + 1
        elif turn % 4 == 1:
            with WebSocket(other) as ws:
                assert subscribe(ws, scope)["cursor"] == turn + 1
        elif turn % 4 == 2:
            assert pull(other, scope, turn + 1, epoch).json["changes"] == []


def test_a_page_shows_what_was_pushed_to_the_other_node(nodes):
    tags = {}
    for turn in range(20):
        one, other = nodes[turn % 2], nodes[1 - turn % 2]
        title = f"page {new_id()}"
        assert push_one(one, "_default", create(title=title))["ok"]
        known = [("If-None-Match", tags[other])] if other in tags else []
        answer = fetch(other, "GET", "/api/todos", known)
        assert answer.status == 200 and title in answer.body.decode(), answer
        tags[other] = answer.get("etag")
        assert title in fetch(other, "GET", "/").body.decode()


def test_a_mutation_is_applied_once_whichever_node_it_comes_to(nodes):
    scope = new_scope()
    batch = [create() for _ in range(5)]
    first = push(nodes[0], scope, *batch)
    again = push(nodes[1], scope, *batch)
    assert all(result["duplicate"] for result in again)
    assert [(r["cursor"], r["epoch"]) for r in again] == [(r["cursor"], r["epoch"]) for r in first]
    assert len(pull_all(nodes[1], scope)[0]) == 5


def test_a_change_at_one_node_comes_to_sockets_of_the_other(nodes):
    scope = new_scope()
    first = push_one(nodes[0], scope, create())
    with WebSocket(nodes[1]) as ws, WebSocket(nodes[1]) as poked:
        subscribe(ws, scope, (1, first["epoch"]))
        subscribe(poked, scope)
        last = 1
        for turn in range(20):
            results = push(nodes[turn % 2], scope, create(), create())
            last = results[-1]["cursor"]
            hear_through(ws, last)
        poked.receive_until(lambda m: m["type"] == "sync" and m["payload"]["cursor"] == last)


def hear_through(ws, through):
    """Messages until one tells of `through`; a poke in place of a delta is allowed."""
    ws.receive_until(lambda m: m["type"] in ("delta", "sync") and m["payload"]["cursor"] >= through)


def test_a_message_over_the_socket_is_pushed_once_and_told_at_both(nodes):
    scope = new_scope()
    with WebSocket(nodes[0]) as one, WebSocket(nodes[1]) as other:
        subscribe(one, scope)
        subscribe(other, scope)
        ack = one.ask({"type": "push", "ref": "p", "scope": scope, "client": "c",
                       "mutations": [create()]})
        assert ack["payload"]["results"][0]["cursor"] == 1
        for ws in (one, other):
            if not any(m["type"] == "sync" for m in getattr(ws, "others", [])):
                ws.receive_until(lambda m: m["type"] == "sync" and m["payload"]["cursor"] == 1)


# --- people ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def team(carrier, tmp_path_factory):
    """Two nodes of the template `team`, which have nothing in common but their URLs."""
    if not TEAM.exists():
        pytest.skip("MizuTeamServer is not built")
    found = pair(carrier, tmp_path_factory, command=(str(TEAM),))
    yield found
    end(found)


class Person(people.Client):
    """Somebody with cookies, who asks now this node, now that."""

    def __init__(self, node, name):
        super().__init__(node)
        self.name = f"{name}{new_id()[:6]}"
        status, _, _ = self.form("/account/sign-up", name=self.name,
                                 email=f"{self.name}@example.org", password=people.PASSWORD)
        assert status == 303

    def at(self, node):
        self.address = (node.host, node.port)
        self.origin = f"http://localhost:{node.port}"
        return self

    def user(self):
        status, _, body = self.ask("GET", "/_sync/session")
        return json.loads(body)["user"] if status == 200 else None

    def socket(self, node):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return WebSocket(node, headers=[
            ("Cookie", cookie), ("Origin", f"http://{node.authority}")])

    def new_list(self, title="ours"):
        status, headers, _ = self.form("/lists", title=title)
        assert status == 303, headers
        return headers["Location"].rsplit("/", 1)[1]

    def invite(self, list_id, role="editor"):
        status, headers, _ = self.form(f"/lists/{list_id}", do="invite", role=role)
        assert status == 303
        return urllib.parse.unquote(re.search(r"link=([^&]+)", headers["Location"])[1])

    def pull(self, list_id, cursor=0):
        return self.json("/_sync/pull", {"scope": f"list:{list_id}", "cursor": cursor})

    def push(self, list_id, name, args):
        return self.json("/_sync/push", {"scope": f"list:{list_id}", "mutations": [
            {"id": new_id(), "name": name, "args": args}]})


def test_who_signs_in_or_out_at_one_node_is_in_or_out_at_the_other(team):
    ann = Person(team[0], "ann")
    user = ann.user()
    assert user and ann.at(team[1]).user() == user
    with ann.socket(team[0]) as live:
        assert live.answer.status == 101
        live.ask({"type": "subscribe", "ref": "s", "topic": f"sync:user:{user}"})
        kept = dict(ann.cookies)
        status, _, _ = ann.form("/account/sign-out")
        assert status == 303
        ann.cookies = kept
        for node in team:
            assert ann.at(node).user() is None, "the session has ended everywhere"
        assert live.receive_close() == 1008


def test_a_session_that_ends_while_news_is_away_ends_its_sockets_all_the_same(
        postgres_cluster, tmp_path_factory):
    if not TEAM.exists():
        pytest.skip("MizuTeamServer is not built")
    name = postgres_cluster.create_database()
    try:
        redis = Redis()
    except Missing as reason:
        pytest.skip(str(reason))
    with redis.start():
        settings = {"DATABASE_URL": postgres_cluster.url(name), "REDIS_URL": redis.url}
        nodes = pair((None, settings), tmp_path_factory, command=(str(TEAM),))
        try:
            ann = Person(nodes[0], "ann")
            user = ann.user()
            with ann.socket(nodes[1]) as live:
                live.ask({"type": "subscribe", "ref": "s", "topic": f"sync:user:{user}"})
                redis.pause()
                assert ann.form("/account/sign-out")[0] == 303
                # Told by nobody: the node looks by itself, and once a session has ended it is.
                live.socket.settimeout(60)
                assert live.receive_close() == 1008
            redis.resume()
        finally:
            end(nodes)
    postgres_cluster.drop_database(name)


@pytest.fixture(scope="module")
def invited(carrier, tmp_path_factory):
    """Two nodes of Tests/People on which nobody makes an account without a link."""
    if not Path(people.PEOPLE).exists():
        pytest.skip("MizuPeople is not built")
    settings = {**carrier[1], "SIGN_UP": "invitation"}
    found = pair((carrier[0], settings), tmp_path_factory, command=(people.PEOPLE,))
    yield found
    end(found)


def sign_up(node, link):
    """Somebody new by a link; None if it was refused."""
    client = people.Client(node)
    name = f"p{new_id()[:8]}"
    status, _, _ = client.form("/account/sign-up", name=name, email=f"{name}@example.org",
                               password=people.PASSWORD, invitation=link)
    return client if status == 303 else None


def link_of(node):
    status, _, body = people.Client(node).ask("GET", "/invitation")
    assert status == 200
    return body.decode()


def test_a_link_that_one_node_has_signed_is_good_at_the_other_once(invited):
    for here, there in (invited, invited[::-1]):
        link = link_of(here)
        assert sign_up(there, link), "a link of the other node is refused"
        assert not sign_up(here, link) and not sign_up(there, link), "it is good twice"


def listed(node, person):
    """How many tokens somebody has, as `node` lists them."""
    client = people.Client(node)
    client.cookies = dict(person.cookies)
    status, _, body = client.ask("GET", "/tokens")
    assert status == 200, body
    return body


def test_a_token_that_is_made_or_revoked_at_one_node_is_so_at_the_other(invited):
    one, other = invited
    ann = sign_up(one, link_of(one))
    user = ann.me()
    for turn in range(5):
        status, _, token = ann.ask("POST", "/tokens")
        assert status == 200
        token = token.decode()
        script = people.Client(other)
        # The list first: nothing else has made this node look.
        assert listed(other, ann) == b"1", "what one node has made the other lists"
        assert script.me(Authorization=f"Bearer {token}") == user, "at once"
        with WebSocket(other) as live, WebSocket(other) as late:
            assert live.ask({"type": "auth", "ref": "a", "token": token})["type"] == "ack"
            assert ann.ask("DELETE", "/tokens")[0] == 200
            assert listed(other, ann) == b"0", "and what it has revoked is listed by none"
            for node in invited:
                status, _, body = people.Client(node).ask(
                    "GET", "/me", Authorization=f"Bearer {token}")
                assert status == 401, (status, body)
            # What it says behind its token waits for that, and is nobody's then.
            late.send_json({"type": "auth", "ref": "a", "token": token})
            late.send_json({"type": "ping", "ref": "p"})
            answers = {late.receive_json()["ref"]: True for _ in range(2)}
            assert set(answers) == {"a", "p"}
            assert late.ask({"type": "auth", "ref": "b", "token": token})["type"] == "error"
            live.socket.settimeout(60)
            assert live.receive_close() == 1008


def test_who_is_taken_out_of_a_list_at_one_node_is_out_at_the_other(team):
    ann, bob = Person(team[0], "ann"), Person(team[1], "bob")
    bob_id = bob.user()
    ours = ann.new_list()
    link = ann.invite(ours)
    status, headers, _ = bob.form(link)
    assert status == 303 and "problem" not in headers["Location"], headers
    assert ann.push(ours, "item.add", {"id": "i1", "title": "for all"})[0] == 200
    status, page = bob.pull(ours)
    assert status == 200 and any(c["id"] == "i1" for c in page["changes"])
    with bob.socket(team[1]) as live:
        ack = live.ask({"type": "subscribe", "ref": "s", "topic": f"sync:list:{ours}",
                        "cursor": page["next_cursor"], "epoch": page["epoch"]})
        assert ack["type"] == "ack", ack
        status, answer = ann.push(ours, "member.remove", {"user": bob_id})
        assert status == 200 and answer["results"][0]["ok"], answer
        # At once, by HTTP at either node.
        for node in (team[1], team[0]):
            status, answer = bob.at(node).pull(ours)
            assert (status, answer.get("code")) == (403, "scope_denied"), (status, answer)
            status, answer = bob.push(ours, "item.add", {"id": new_id(), "title": "sneaked"})
            assert (status, answer.get("code")) == (403, "scope_denied"), (status, answer)
        # And nothing that is written afterwards comes over the socket.
        assert ann.push(ours, "item.add", {"id": "i2", "title": "not for bob"})[0] == 200
        messages = live.receive_until(lambda m: m["type"] == "error")
        assert messages[-1]["code"] == "scope_denied", messages
        assert "not for bob" not in json.dumps(messages)
        assert live.ask({"type": "ping", "ref": "p"})["type"] == "pong"
        assert "not for bob" not in json.dumps(live.others)


# The team app's grace is 10 s, and a node is looked for once a second.
GONE_SECONDS = 45


def test_who_is_here_is_told_by_both_nodes_and_a_node_that_dies_takes_its_own_along(
        carrier, tmp_path_factory):
    if not TEAM.exists():
        pytest.skip("MizuTeamServer is not built")
    nodes = pair(carrier, tmp_path_factory, command=(str(TEAM),))
    try:
        ann, bob = Person(nodes[0], "ann"), Person(nodes[1], "bob")
        ours = ann.new_list()
        assert bob.form(ann.invite(ours))[0] == 303
        ann_id, bob_id = ann.user(), bob.user()
        with ann.socket(nodes[0]) as one, bob.socket(nodes[1]) as other:
            for ws in (one, other):
                ws.socket.settimeout(GONE_SECONDS)
            here = {"type": "subscribe", "ref": "s", "topic": f"here:{ours}", "presence": True}
            ack = one.ask(here)
            assert ack["type"] == "ack", ack
            if carrier[0] == "poll":
                assert ann_id not in json.dumps(other.ask(here))
                other.receive_until(lambda m: m["type"] == "presence" and bob_id in json.dumps(m))
                return each_tells_its_own(nodes, one, ours, ann, bob_id)
            other.send_json(here)
            one.receive_until(lambda m: bob_id in json.dumps(m), 60)
            other.receive_until(lambda m: ann_id in json.dumps(m), 60)
            if carrier[0] == "redis":
                # Silent for longer than its grace, it is counted out; it comes back by itself.
                nodes[0].child.send_signal(signal.SIGSTOP)
                gone(other, ann_id)
                nodes[0].child.send_signal(signal.SIGCONT)
                other.receive_until(lambda m: ann_id in json.dumps(m), 60)
                # It has heard nothing of the other for as long, either.
                wait_until(lambda: members(one.ask({**here, "type": "presence"})) == {ann_id, bob_id},
                           what="both at the node that stood still")
            nodes[0].kill()
            gone(other, ann_id)
    finally:
        for node in nodes:
            node.kill()


def each_tells_its_own(nodes, one, ours, ann, bob_id):
    """many-machines.md, "Presence": without a carrier a node tells its own members alone."""
    carl = Person(nodes[0], "carl")
    assert carl.form(ann.at(nodes[0]).invite(ours))[0] == 303
    with carl.socket(nodes[0]) as third:
        here = {"type": "subscribe", "ref": "s", "topic": f"here:{ours}", "presence": True}
        assert bob_id not in json.dumps(third.ask(here))
        heard = one.receive_until(lambda m: carl.user() in json.dumps(m), 60)
        assert bob_id not in json.dumps(heard)


def members(message):
    return {member["id"] for member in message["payload"]["members"]}


def gone(ws, user):
    """Waits until a message of presence says that somebody is here no more."""
    ws.receive_until(
        lambda m: m["type"] == "presence" and is_gone(m["payload"], user), GONE_SECONDS)


def is_gone(payload, user):
    left = [member if isinstance(member, str) else member.get("id")
            for member in payload.get("left", [])]
    return user in left or ("members" in payload and user not in json.dumps(payload["members"]))
