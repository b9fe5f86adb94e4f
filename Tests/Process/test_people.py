"""People over a real process with SQLite: what no wire serves, a right that ends while pulls are under way,
a storm of questions of permission beside somebody else, and jobs from the start to the drain.
"""

import json
import threading

import pytest

import server as processes
from people import Client, People
from server import wait_until
from storm import UNEXEMPT, source
from sync import new_id, new_scope
from test_two_nodes import TEAM, Person
from wire import Connection, WebSocket

FRAMEWORK = ["mizu:accounts", "mizu:tokens", "mizu:anything"]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    running = People(tmp_path_factory.mktemp("people"), JOBS="on").ready()
    yield running
    running.stop()


@pytest.fixture
def team(tmp_path):
    """Starts the template `team`; ends it well."""
    if not TEAM.exists():
        pytest.skip("MizuTeamServer is not built")
    started = []

    def start(**settings):
        started.append(processes.Server(tmp_path, env=settings, command=(str(TEAM),)).ready())
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture(scope="module")
def ann(people):
    client = Client(people)
    client.sign_up("ann")
    return client


# --- what no wire serves --------------------------------------------------------------------------


def socket(server, client):
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return WebSocket(server, headers=[("Cookie", cookie), ("Origin", f"http://{server.authority}")])


@pytest.mark.parametrize("scope", FRAMEWORK)
def test_scopes_of_the_framework_are_nobodys_on_every_way(people, ann, scope):
    one = {"id": new_id(), "name": "note.put", "args": {"id": "n"}}
    ways = {"push": {"scope": scope, "mutations": [one]}, "pull": {"scope": scope},
            "snapshot": {"scope": scope}}
    for client in (ann, Client(people)):
        for way, body in ways.items():
            status, answer = client.json(f"/_sync/{way}", body)
            assert (status, answer["code"]) == (403, "scope_denied"), (way, status, answer)
    with socket(people, ann) as live:
        for message in (
                {"type": "subscribe", "topic": f"sync:{scope}"},
                {"type": "subscribe", "topic": f"sync:{scope}", "presence": True},
                {"type": "push", "scope": scope, "client": "c", "mutations": [one]}):
            answer = live.ask({"ref": "r", **message})
            assert (answer["type"], answer["code"]) == ("error", "scope_denied"), (message, answer)
    # And nothing has come of it: the people are who they were.
    assert ann.me() != "nobody"


# --- a right that ends ----------------------------------------------------------------------------


def test_pulls_that_are_under_way_show_nothing_of_what_came_after_the_right(team):
    running = team()
    ann, bob = Person(running, "ann"), Person(running, "bob")
    bob_id = bob.user()
    for turn in range(6):
        ours = ann.new_list()
        assert bob.form(ann.invite(ours))[0] == 303
        assert ann.push(ours, "item.add", {"id": "before", "title": "for both"})[0] == 200
        answers, is_over = [], threading.Event()
        readers = [threading.Thread(target=keep_pulling, args=(bob, ours, way, answers, is_over))
                   for way in ("pull", "snapshot") * 2]
        for reader in readers:
            reader.start()
        wait_until(lambda: len(answers) >= 8, what="pulls under way")
        status, answer = ann.push(ours, "member.remove", {"user": bob_id})
        assert status == 200 and answer["results"][0]["ok"], answer
        removed = len(answers)
        assert ann.push(ours, "item.add", {"id": "after", "title": "not for bob"})[0] == 200
        wait_until(lambda: len(answers) >= removed + 8, what="pulls afterwards")
        is_over.set()
        for reader in readers:
            reader.join()
        assert {status for status, _ in answers} == {200, 403}, turn
        assert all("not for bob" not in text for _, text in answers), turn
        # Each reader may have had one that was begun before, and come late to the list with it.
        assert sum(status != 403 for status, _ in answers[removed:]) <= len(readers), turn
        status, answer = bob.pull(ours)
        assert (status, answer["code"]) == (403, "scope_denied")


def keep_pulling(person, list_id, way, answers, is_over):
    mine = Client.__new__(Client)
    mine.address, mine.origin, mine.cookies = person.address, person.origin, dict(person.cookies)
    while not is_over.is_set():
        status, answer = mine.json(f"/_sync/{way}", {"scope": f"list:{list_id}"})
        answers.append((status, json.dumps(answer)))


# --- a storm of questions -------------------------------------------------------------------------


def test_a_storm_of_decisions_that_nobody_remembers_is_fair_to_others(team):
    """Each question is about another list, so each is a read; they are one address's, and wait for each
    other alone. Judged by counts: what others are answered, and how much of the storm comes first."""
    running = team(**UNEXEMPT, RATE_LIMIT="off", ADDRESS_READS="8", WORKERS="2")
    ann, eve = Person(running, "ann"), Person(running, "eve")
    ours = ann.new_list()
    told, is_over = [], threading.Event()
    storm = [threading.Thread(target=ask_for_strange_lists,
                              args=(running, eve, source(number % 2), told, is_over))
             for number in range(24)]
    for one in storm:
        one.start()
    try:
        wait_until(lambda: len(told) >= 200 and 429 in told, 60, "the storm")
        for turn in range(30):
            # Also of lists that were never asked for: the same work as the storm's.
            for scope in (f"list:{ours}", f"list:{new_scope()}"):
                status, answer = ann.json("/_sync/pull", {"scope": scope})
                assert status == 200, (turn, scope, answer)
    finally:
        is_over.set()
        for one in storm:
            one.join()
    # The storm was bounded, and told so; nobody else was.
    assert set(told) == {200, 429}, set(told)
    assert ann.pull(ours)[0] == 200


def ask_for_strange_lists(running, person, address, told, is_over):
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    fields = [("Cookie", cookie), ("Content-Type", "application/json"),
              ("Origin", f"http://{running.authority}")]
    with Connection(running, source=address) as connection:
        while not is_over.is_set():
            body = json.dumps({"scope": f"list:{new_scope()}"}).encode()
            told.append(connection.request("POST", "/_sync/pull", fields, body).status)


# --- jobs -----------------------------------------------------------------------------------------


def notes(client, scope="ticks"):
    status, page = client.json("/_sync/pull", {"scope": scope})
    assert status == 200, page
    return [change["id"] for change in page["changes"]]


def test_jobs_run_in_a_process_and_never_beside_themselves(people, ann):
    wait_until(lambda: len(notes(ann)) >= 3, 60, "ticks")
    ticks = notes(ann)
    # In order and each once: the next run begins when the last has ended.
    assert ticks == [f"tick-{number}" for number in range(len(ticks))], ticks
    assert notes(ann, "jobs") == ["seed"]
    wait_until(lambda: any("the job fails failed:" in line for line in people.error_lines),
               what=lambda: f"a job that fails: {people.errors}")


def test_a_drain_ends_the_jobs_and_a_start_begins_them_again(tmp_path):
    running = People(tmp_path, JOBS="on").ready()
    client = Client(running)
    client.sign_up("ann")
    wait_until(lambda: "tick-0" in notes(client), 60, "a tick")
    # One job waits for what never comes: it is cancelled, and the end waits for nobody.
    running.stop()
    again = People(tmp_path, JOBS="on").ready()
    client.address, client.origin = (again.host, again.port), f"http://localhost:{again.port}"
    before = len(notes(client))
    wait_until(lambda: len(notes(client)) > before, 60, "a tick of the second run")
    # What is seeded with an id of its own is applied once, however often the server starts.
    assert notes(client, "jobs") == ["seed"]
    again.stop()
