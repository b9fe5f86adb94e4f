"""`mizu sync migrate` while clients push: what was acknowledged is there, once, whichever side did it,
a client goes on from its cursor in its epoch, and the side that is left refuses to be served.
"""

import contextlib
import json
import os
import subprocess
import threading
import time

import pytest

from server import MIZU, wait_until
from postgres import PASSWORD, SUPERUSER
from stores import Missing, Postgres, _refusal, start_bouncer
from sync import create, pull, pull_all, push, push_one
from wire import Closed, fetch, post

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "SWIFT_BACKTRACE": "interactive=no",
               "PGPASSWORD": PASSWORD}


def flag(url):
    """A flag must not hold a password; the environment has it."""
    return url.replace(f":{PASSWORD}@", "@")


def migrate(folder, source, target, *words):
    return subprocess.run(
        [MIZU, "sync", "migrate", "--from", flag(source), "--to", flag(target), "--json", *words],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


class Pushers:
    """Threads that push until the server is gone, and remember what was acknowledged."""

    def __init__(self, server, count=3):
        self.server, self.done, self.unanswered = server, [], []
        self.threads = [threading.Thread(target=self._run, args=(f"s{number}",))
                        for number in range(count)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len({scope for scope, *_ in self.done}) == count, what="pushes of each")

    def _run(self, scope):
        while True:
            change = create()
            try:
                answer = post(self.server, "/_sync/push", {"scope": scope, "mutations": [change]})
            except (Closed, OSError):
                return self.unanswered.append((scope, change))
            if answer.status != 200:
                return self.unanswered.append((scope, change))
            self.done.append((scope, change, answer.json["results"][0]))

    def join(self):
        for thread in self.threads:
            thread.join(60)


def test_a_file_is_moved_while_clients_push(start, tmp_path):
    server = start(database=f"sqlite:{tmp_path}/a.db").ready()
    push(server, "old", *[create() for _ in range(100)])
    push(server, "old", *[create() for _ in range(100)])
    epoch = pull(server, "old").json["epoch"]
    looked = migrate(tmp_path, "a.db", "b.db", "--dry-run")
    assert looked.returncode == 0 and json.loads(looked.stdout)["dry_run"] is True, looked
    assert not (tmp_path / "b.db").exists()
    pushers = Pushers(server)
    moved = migrate(tmp_path, "a.db", "b.db", "--stop-server")
    pushers.join()
    assert moved.returncode == 0, moved
    report = json.loads(moved.stdout)
    assert report["ok"] and report["rounds"] >= 3, report
    assert report["records"] >= 200 + len(pushers.done), report
    check = subprocess.run([MIZU, "sync", "verify", "--database", "b.db"], cwd=tmp_path,
                           env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert check.returncode == 0, check

    refused = start(database=f"sqlite:{tmp_path}/a.db")
    assert refused.wait() == 1
    assert f"was moved to sqlite:{tmp_path}/b.db" in refused.errors, refused.errors

    server = start(database=f"sqlite:{tmp_path}/b.db").ready()
    # A client that had half of it goes on, in the old epoch.
    answer = pull(server, "old", 100, epoch)
    assert answer.status == 200 and answer.json["changes"][0]["cursor"] == 101, answer.json
    check_all(server, pushers.done, pushers.unanswered)


def test_a_move_that_is_killed_leaves_the_source_and_is_done_again(start, tmp_path):
    server = start(database=f"sqlite:{tmp_path}/a.db").ready()
    assert push_one(server, "s", create())["ok"]
    moving = subprocess.Popen(
        [MIZU, "sync", "migrate", "--from", "a.db", "--to", "b.db"], cwd=tmp_path, env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # It waits for the server's end, and says so.
    assert "stop the server" in moving.stderr.readline()
    moving.kill()
    moving.communicate()
    refused = start(database=f"sqlite:{tmp_path}/b.db")
    assert refused.wait() == 1 and "is not complete" in refused.errors
    assert push_one(server, "s", create())["ok"]
    moved = migrate(tmp_path, "a.db", "b.db", "--stop-server")
    assert moved.returncode == 0 and json.loads(moved.stdout)["records"] == 2, moved


@pytest.fixture(scope="module")
def cluster():
    try:
        made = Postgres().start()
    except Missing as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    yield made
    made.close()


def exported(folder, database, scope):
    """The scope's records with their versions, and where its log ends."""
    done = subprocess.run([MIZU, "sync", "export", scope, "--database", database], cwd=folder,
                          env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def test_the_tools_alone_go_to_postgresql_and_back(start, tmp_path, cluster):
    url = cluster.url(cluster.create_database())
    server = start(database=f"sqlite:{tmp_path}/a.db").ready()
    # As an app with accounts makes it.
    secret = "k" * 40 + "\n"
    (tmp_path / "session-secret").write_text(secret)
    pushers = Pushers(server)
    push(server, "old", *[create() for _ in range(100)])
    moved = migrate(tmp_path, "a.db", url, "--stop-server")
    pushers.join()
    if "without PostgreSQL" in moved.stderr:
        pytest.skip("this build has no PostgreSQL")
    assert moved.returncode == 0, moved
    assert json.loads(moved.stdout)["changes"] >= 100 + len(pushers.done)
    assert json.loads(moved.stdout)["secret"] is True
    again = migrate(tmp_path, "a.db", url)
    assert again.returncode == 1 and "has rows already" in again.stderr, again
    (tmp_path / "session-secret").unlink()
    moved = migrate(tmp_path, url, "b.db")
    assert moved.returncode == 0, moved
    assert (tmp_path / "session-secret").read_text() == secret
    assert (tmp_path / "session-secret").stat().st_mode & 0o777 == 0o600
    for scope in ("old", "s0", "s1", "s2"):
        assert exported(tmp_path, "a.db", scope) == exported(tmp_path, "b.db", scope)
    check = subprocess.run([MIZU, "sync", "verify", "--database", "b.db"], cwd=tmp_path,
                           env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert check.returncode == 0, check
    # The database refuses by itself whoever is still connected to it.
    with pytest.raises(AssertionError, match="the database was moved to sqlite:"):
        cluster.sql("INSERT INTO mizu_scope(name) VALUES('x')", cluster_name(url))
    # And a server on the file goes on, in the old epoch.
    server = start(database=f"sqlite:{tmp_path}/b.db").ready()
    check_all(server, pushers.done, pushers.unanswered)


def cluster_name(url):
    return url.rsplit("/", 1)[1]


def skip_without_nodes():
    refusal = _refusal(MIZU)
    if refusal:
        pytest.skip(f"this build has no PostgreSQL: {refusal}")


def check_all(server, done, unanswered):
    """What was acknowledged is there once; what was not can be pushed; and nothing else is there."""
    assert done
    for scope, change, result in done:
        again = push_one(server, scope, change)
        assert again["ok"] and again.get("duplicate") is True, again
        assert (again["cursor"], again["epoch"]) == (result["cursor"], result["epoch"]), again
    for scope, change in unanswered:
        assert push_one(server, scope, change)["ok"]
    for scope in {scope for scope, *_ in done + unanswered}:
        ids = [change["mutation"] for change in pull_all(server, scope)[0]]
        wanted = [change["id"] for name, change, *_ in done + unanswered if name == scope]
        assert sorted(ids) == sorted(wanted)


def test_everything_goes_to_postgresql_and_back_while_clients_push(start, tmp_path, cluster):
    skip_without_nodes()
    url = cluster.url(cluster.create_database())
    server = start(database=f"sqlite:{tmp_path}/a.db").ready()
    push(server, "old", *[create() for _ in range(100)])
    epoch = pull(server, "old").json["epoch"]
    first = Pushers(server)
    moved = migrate(tmp_path, "a.db", url, "--stop-server")
    first.join()
    assert moved.returncode == 0 and "password" not in moved.stdout, moved
    again = migrate(tmp_path, "a.db", url)
    assert again.returncode == 1 and "has rows already" in again.stderr, again

    server = start(database=url).ready()
    answer = pull(server, "old", 50, epoch)
    assert answer.status == 200 and answer.json["changes"][0]["cursor"] == 51, answer.json
    check_all(server, first.done, first.unanswered)
    for scope, change in first.unanswered:
        result = push_one(server, scope, change)
        first.done.append((scope, change, result))

    # And back, while its node goes on: nobody has to be stopped.
    second = Pushers(server)
    moved = migrate(tmp_path, url, f"sqlite:{tmp_path}/c.db")
    second.join()
    assert moved.returncode == 0, moved
    refused = post(server, "/_sync/push", {"scope": "s0", "mutations": [create()]})
    assert refused.status == 503, refused
    # It is not ready, and what it tries by itself does not make it so.
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert fetch(server, "GET", "/readyz").status == 503
        time.sleep(0.1)
    assert "takes writes again" not in server.errors
    server.stop()
    refused = start(database=url)
    assert refused.wait() == 1 and f"was moved to sqlite:{tmp_path}/c.db" in refused.errors
    server = start(database=f"sqlite:{tmp_path}/c.db").ready()
    check_all(server, first.done + second.done, second.unanswered)
    server.stop()
    check = subprocess.run([MIZU, "sync", "verify", "--database", "c.db"], cwd=tmp_path,
                           env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert check.returncode == 0, check


def test_a_move_to_postgresql_that_is_killed_is_done_again(start, tmp_path, cluster):
    skip_without_nodes()
    url = cluster.url(cluster.create_database())
    server = start(database=f"sqlite:{tmp_path}/a.db").ready()
    assert push_one(server, "s", create())["ok"]
    moving = subprocess.Popen(
        [MIZU, "sync", "migrate", "--from", "a.db", "--to", flag(url)], cwd=tmp_path, env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "stop the server" in moving.stderr.readline()
    # Two at once would take away each other's tables.
    second = migrate(tmp_path, "a.db", url)
    assert second.returncode == 1 and "another `mizu sync migrate`" in second.stderr, second
    assert moving.poll() is None
    moving.kill()
    moving.communicate()
    refused = start(database=url)
    assert refused.wait() == 1 and "is not complete" in refused.errors, refused.errors
    moved = migrate(tmp_path, "a.db", url, "--stop-server")
    assert moved.returncode == 0 and json.loads(moved.stdout)["records"] == 1, moved


def test_a_database_with_somebody_elses_tables_is_named_and_left_alone(tmp_path, start, cluster):
    skip_without_nodes()
    name = cluster.create_database()
    cluster.sql("CREATE TABLE mizu_log(a int); INSERT INTO mizu_log VALUES(1)", name)
    cluster.sql("CREATE TABLE mizu_account(who text); INSERT INTO mizu_account VALUES('x')", name)
    start(database=f"sqlite:{tmp_path}/a.db").ready().stop()
    for words in (["--dry-run"], []):
        refused = migrate(tmp_path, "a.db", cluster.url(name), *words)
        assert refused.returncode == 1, refused
        assert 'relation "mizu_account" already exists, which is not mizu\'s' in refused.stderr
    assert cluster.sql("SELECT a, who FROM mizu_log, mizu_account", name) == "1|x"
    assert cluster.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'mizu%'", name) == "2"


def test_a_pool_or_a_user_who_may_make_no_tables_is_refused_before_anything_is_done(
        tmp_path, start, cluster):
    skip_without_nodes()
    start(database=f"sqlite:{tmp_path}/a.db").ready().stop()
    name = cluster.create_database()
    cluster.sql(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    guest = cluster.url(name).replace(SUPERUSER, "guest")
    refused = migrate(tmp_path, "a.db", guest, "--dry-run")
    assert refused.returncode == 1 and "may make no tables there" in refused.stderr, refused
    with contextlib.closing(start_bouncer(cluster)) as pool:
        for source, target in (("a.db", pool.url(name)), (pool.url(name), "b.db")):
            refused = migrate(tmp_path, source, target, "--dry-run")
            assert refused.returncode == 1 and "a pool of connections" in refused.stderr, refused
    assert cluster.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'mizu%'", name) == "0"


@pytest.mark.parametrize("words, told", [
    (["stats", "--database", "postgress://u:secret@h/d"], "of no kind that mizu knows"),
    (["stats", "--database", "postgres:/u:secret@h/d"], "of no kind that mizu knows"),
    (["migrate", "--from", "a.db", "--to", "postgress://u:secret@h/d"], "of no kind that mizu"),
    (["migrate", "--from", "a.db", "--to", "postgres://u:secret@h/d"], "must not hold a password"),
    (["migrate", "--from", "postgres://u:secret@h/d", "--to", "a.db"], "must not hold a password"),
    (["backup", "postgres://u:secret@h/d", "--database", "a.db"], "is a URL"),
    (["restore", "https://u:secret@h/d", "--database", "a.db"], "is a URL"),
])
def test_an_address_that_is_wrong_is_refused_and_not_repeated(words, told, tmp_path):
    done = subprocess.run([MIZU, "sync", *words], cwd=tmp_path, env=ENVIRONMENT,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and told in done.stderr, done
    assert "secret" not in done.stderr + done.stdout and not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["stats", "verify", "trim", "compact", "backup", "restore",
                                     "export", "import"])
def test_tools_for_files_say_what_to_use_with_postgresql(command, tmp_path):
    words = ["x"] if command in ("backup", "restore", "export", "import") else []
    done = subprocess.run(
        [MIZU, "sync", command, *words, "--database", "postgres://u:secret@127.0.0.1:1/x"],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "PostgreSQL has this database" in done.stderr, done
    assert "Hint:" in done.stderr and "secret" not in done.stderr
