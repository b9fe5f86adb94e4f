"""`mizu sync`: each tool on a database that a server has, on one that was stopped, and on one that a
kill -9 has left; faults that are put in by sqlite3 are named with their place.
"""

import json
import os
import shutil
import stat
import subprocess
import threading

import pytest

from server import MIZU
from sync import create, mutation, new_id, pull, pull_all, push, push_one, snapshot_all, state_of
from wire import Closed, Connection, post

TOOLS = ["stats", "verify", "backup", "restore", "export", "import", "trim", "compact"]
BESIDE = ["-wal", "-shm", "-commits0", "-commits1"]


def tool(folder, *words, database="mizu.db", env=None, stdin=None):
    """Runs `mizu sync …` and returns what came of it."""
    environment = {"PATH": os.environ.get("PATH", ""), "TMPDIR": str(folder),
                   "SWIFT_BACKTRACE": "interactive=no", **(env or {})}
    if database is not None:
        words = (*words, "--database", database)
    return subprocess.run([MIZU, "sync", *words], cwd=folder, env=environment, input=stdin,
                          capture_output=True, text=True, timeout=120)


def told(folder, *words, **options):
    """The object that a tool prints, which must have done what it was asked for."""
    done = tool(folder, *words, "--json", **options)
    assert done.returncode == 0, done
    answer = json.loads(done.stdout)
    assert answer["ok"] is True and done.stderr == "", done
    return answer


def refused(folder, *words, **options):
    """What a tool says where it does not do it, in an object and in words."""
    done = tool(folder, *words, "--json", **options)
    assert done.returncode == 1, done
    answer = json.loads(done.stdout)
    assert answer["ok"] is False and answer["error"] in done.stderr, done
    return answer


def fault(folder, **options):
    """The fault that verify finds."""
    return refused(folder, "verify", **options)["fault"]


def sqlite(database, command):
    done = subprocess.run(["sqlite3", database, command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.strip()


def fill(server, scope="team"):
    """Every kind of row: five changes of four mutations, a refusal, a client."""
    push(server, scope, create("a"), create("b"), mutation("todo.toggle", id="a"),
         mutation("todo.delete", id="b"), mutation("todo.nonsense"), client="c1")
    push_one(server, scope, create("d"))
    push_one(server, "other", mutation("todo.nonsense"))


# Whoever is exempt from limits has no account.
COUNTED = {"LIMIT_EXEMPT": "none"}
FILLED = {"scopes": 2, "changes": 5, "mutations": 5, "records": 2, "clients": 1, "outcomes": 7,
          "accounts": 1}


def is_left_alone(folder, before):
    return {name: (folder / name).stat().st_mtime_ns for name in before} == before


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()
            if path.name.startswith("mizu.db")}


@pytest.fixture
def stopped(start, tmp_path):
    """A folder with `mizu.db`, whole, as a clean end has left it."""
    running = start(env=COUNTED).ready()
    fill(running)
    running.stop()
    return tmp_path


# --- what all of them share -----------------------------------------------------------------------


@pytest.mark.parametrize("name", TOOLS)
def test_each_tool_has_a_help_with_examples(tmp_path, name):
    done = tool(tmp_path, name, "--help", database=None)
    assert done.returncode == 0 and "EXAMPLES" in done.stdout and f"mizu sync {name}" in done.stdout


def test_the_completions_know_the_tools():
    done = subprocess.run([MIZU, "completions", "bash"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert all(f"sync_{name}" in done.stdout for name in TOOLS)


@pytest.mark.parametrize("words", [
    ["nonsense"], ["backup"], ["export"], ["stats", "--largest", "-1"], ["export", "s", "--json"],
    ["trim", "--before", "soon"], ["trim", "--keep", "-1"], ["import", ""]], ids=str)
def test_what_cannot_be_meant_is_a_usage_error(tmp_path, words):
    assert tool(tmp_path, *words, database=None).returncode == 64


@pytest.mark.parametrize("words", [
    ["stats"], ["verify"], ["backup", "b.db"], ["export", "s", "-o", "s.ndjson"],
    ["import", "s", "-i", "/dev/null"], ["trim"], ["compact"]], ids=str)
def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path, words):
    assert "none.db" in refused(tmp_path, *words, database="none.db")["error"]
    assert "memory:" in refused(tmp_path, *words, database="memory:")["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path):
    sqlite(str(tmp_path / "mizu.db"), "CREATE TABLE mine(x)")
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at twice" * 99)
    before = times(tmp_path)
    for name in ["mizu.db", "text.db"]:
        for words in [["verify"], ["backup", "b.db"], ["export", "s"], ["stats"]]:
            done = tool(tmp_path, *words, database=name)
            assert done.returncode == 1 and name in done.stderr, done
    assert is_left_alone(tmp_path, before)
    assert "another program" in refused(tmp_path, "trim")["error"]


def test_the_database_is_that_of_the_environment(stopped):
    answer = told(stopped, "stats", database=None, env={"DATABASE_URL": "sqlite:mizu.db"})
    assert answer["database"] == str(stopped / "mizu.db")


# --- on a server's, on a stopped one's, after a kill ------------------------------------------------


@pytest.fixture(params=["running", "stopped", "killed"])
def filled(request, start, tmp_path):
    """A folder with a filled `mizu.db` in that state."""
    running = start(env=COUNTED).ready()
    fill(running)
    if request.param == "stopped":
        running.stop()
    if request.param == "killed":
        running.kill()
    return tmp_path


def test_reading_tools_see_everything_and_change_nothing(filled):
    before = times(filled)
    answer = told(filled, "verify")
    assert answer["verified"] == FILLED and answer["database"] == str(filled / "mizu.db")
    backup = told(filled, "backup", "backup.db")
    assert backup["verified"] == FILLED
    assert stat.S_IMODE(os.stat(filled / "backup.db").st_mode) == 0o600
    lines = tool(filled, "export", "team").stdout.splitlines()
    head, records = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
    assert (head["mizu_export"], head["scope"], head["cursor"], head["records"]) == (1, "team", 5, 2)
    assert [(r["entity"], r["id"], r["version"]) for r in records] == [("todo", "a", 3),
                                                                      ("todo", "d", 5)]
    written = told(filled, "export", "team", "-o", "team.ndjson")
    assert written["records"] == 2 and written["cursor"] == 5
    assert (filled / "team.ndjson").read_text().splitlines() == lines
    # A server folds what was pushed meanwhile; without one nobody writes.
    if told(filled, "stats")["in_use"] is False:
        kept = {name: time for name, time in before.items() if not name.endswith("-shm")}
        assert is_left_alone(filled, kept)
    assert sorted(path.name for path in filled.iterdir() if path.name.startswith(".")) == []
    assert told(filled, "verify", database="backup.db")["verified"] == FILLED


def test_a_backup_overwrites_nothing(filled):
    (filled / "there.db").write_text("mine")
    assert "there.db" in refused(filled, "backup", "there.db")["error"]
    assert (filled / "there.db").read_text() == "mine"
    assert "mizu.db" in refused(filled, "backup", "mizu.db")["error"]
    assert "there.db" in refused(filled, "export", "team", "-o", "there.db")["error"]


def test_stats_count_what_is_in_the_database(stopped):
    answer = told(stopped, "stats")
    assert (answer["scope_count"], answer["records"], answer["changes"]) == (1, 2, 5)
    assert (answer["outcomes"], answer["clients"], answer["in_use"]) == (7, 1, False)
    assert answer["database_bytes"] == os.path.getsize(stopped / "mizu.db")
    (scope,) = answer["scopes"]
    assert (scope["scope"], scope["cursor"], scope["base"], scope["records"]) == ("team", 5, 0, 2)
    assert scope["clients"] == 1 and scope["oldest_change"].startswith("20")
    assert told(stopped, "stats", "--largest", "0")["scopes"] == []
    assert told(stopped, "stats", "--scope", "team")["scopes"] == answer["scopes"]
    assert "nobody" in refused(stopped, "stats", "--scope", "nobody")["error"]
    assert "team" in tool(stopped, "stats").stdout


def test_stats_of_a_running_server_name_its_process(start, tmp_path):
    running = start().ready()
    fill(running)
    answer = told(tmp_path, "stats")
    assert answer["in_use"] is True and answer["pid"] == running.child.pid
    running.stop()


def test_tools_that_write_want_the_server_stopped(start, tmp_path):
    running = start().ready()
    fill(running)
    for words in [["trim"], ["compact"], ["import", "team", "-i", "/dev/null"]]:
        assert f"pid {running.child.pid}" in refused(tmp_path, *words)["error"]
    assert refused(tmp_path, "restore", "x.db")["error"].count("mizu.db")
    assert len(pull_all(running, "team")[0]) == 5


# --- faults -----------------------------------------------------------------------------------------


def spoil(folder, statement):
    """Changes the database as nobody should; the statement must hit something."""
    count = sqlite(str(folder / "mizu.db"), f"{statement}; SELECT changes();")
    assert int(count.splitlines()[-1]) > 0, statement


FAULTS = {
    "a record": ("UPDATE records SET data = '{\"x\":1}' WHERE id = CAST('a' AS BLOB)",
                 "record todo a"),
    "a record's version": ("UPDATE records SET version = 1 WHERE id = CAST('a' AS BLOB)",
                           "record todo a"),
    "a record that is gone": ("DELETE FROM records WHERE id = CAST('a' AS BLOB)", "change 3"),
    "the checksum": ("UPDATE scopes SET checksum = checksum + 1", "state"),
    "a count": ("UPDATE scopes SET records = records + 1", "state"),
    "the bytes": ("UPDATE scopes SET bytes = bytes + 1", "state"),
    "the log's bytes": ("UPDATE scopes SET log_bytes = log_bytes + 1", "state"),
    "the head": ("UPDATE scopes SET cursor = cursor + 1", "change 6"),
    "a sum over scopes": ("UPDATE totals SET outcomes = outcomes + 1", "totals"),
    "an account": ("UPDATE accounts SET bytes = bytes + 1", "account address"),
    "a client": ("UPDATE clients SET outcomes = 1", "mutation"),
    "the epochs": ("UPDATE epochs SET epoch = CAST('other' AS BLOB)", "state"),
    "all epochs": ("UPDATE epochs SET epoch = CAST('other' AS BLOB);"
                   "UPDATE scopes SET epoch = CAST('other' AS BLOB)", "mutation"),
    "a block of the log that is gone": ("DELETE FROM log WHERE scope = 1", "change 1"),
    "a block of the log": ("UPDATE log SET bytes = zeroblob(length(bytes))", "change 1"),
    "marks of the log": ("UPDATE log SET marks = zeroblob(length(marks))", "reading"),
    "rows of no scope": ("UPDATE log SET scope = 99", "log: rows of scope number 99"),
    "a block of outcomes": ("UPDATE outcome_blocks SET rows = zeroblob(length(rows))", "outcomes"),
    "a block of outcomes that is gone": ("DELETE FROM outcome_blocks", "outcomes"),
    "a filter of outcomes": ("UPDATE outcome_filters SET filter = zeroblob(length(filter))",
                             "outcomes"),
    "a run of outcomes": ("DELETE FROM outcome_runs", "outcomes"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_place(stopped, name):
    statement, place = FAULTS[name]
    spoil(stopped, statement)
    found = fault(stopped)
    assert found["place"].startswith(place), found
    done = tool(stopped, "verify")
    assert done.returncode == 1 and found["place"] in done.stderr, done


def test_a_backup_of_what_is_damaged_is_not_made(stopped):
    spoil(stopped, FAULTS["a record"][0])
    assert refused(stopped, "backup", "b.db")["fault"]["place"] == "record todo a"
    assert not (stopped / "b.db").exists()
    shutil.copy(stopped / "mizu.db", stopped / "copy.db")
    assert refused(stopped, "restore", "copy.db", database="new.db")["fault"]
    assert not (stopped / "new.db").exists()


def test_a_page_that_is_damaged_is_found(stopped):
    size = os.path.getsize(stopped / "mizu.db")
    page = int(sqlite(str(stopped / "mizu.db"),
                      "SELECT rootpage FROM sqlite_schema WHERE name = 'records'"))
    pages = size // int(sqlite(str(stopped / "mizu.db"), "PRAGMA page_count"))
    with open(stopped / "mizu.db", "r+b") as file:
        file.seek((page - 1) * pages)
        file.write(b"\xff" * 64)
    assert "error" in refused(stopped, "verify")
    with open(stopped / "mizu.db", "r+b") as file:
        file.truncate(size // 2)
    assert "error" in refused(stopped, "verify")
    assert "error" in refused(stopped, "stats")


def test_a_journal_that_is_gone_after_a_crash_is_a_fault(start, tmp_path):
    running = start().ready()
    fill(running)
    running.kill()
    for number in (0, 1):
        os.unlink(tmp_path / f"mizu.db-commits{number}")
    assert "mizu.db-commits0 is missing" in fault(tmp_path)["message"]
    assert refused(tmp_path, "backup", "b.db")["fault"] and not (tmp_path / "b.db").exists()


# --- backup and restore -------------------------------------------------------------------------------


def test_a_backup_under_load_has_all_that_was_acknowledged_before(start, tmp_path):
    running = start(env={"RATE_LIMIT": "off"}).ready()
    acknowledged, stop = {}, threading.Event()

    def load(name):
        try:
            with Connection(running) as connection:
                while not stop.is_set():
                    batch = [create(new_id()) for _ in range(20)]
                    answer = post(connection, "/_sync/push", {
                        "scope": name, "client": f"client-{name}", "mutations": batch})
                    # The journal may be full while a view of the database is held.
                    if answer.status == 503:
                        continue
                    for result in answer.json["results"]:
                        assert result["ok"], result
                        acknowledged.setdefault(name, []).append(result["id"])
        except (Closed, OSError):
            pass

    threads = [threading.Thread(target=load, args=(f"s{n}",), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        backups = []
        for number in range(3):
            before = {scope: list(ids) for scope, ids in list(acknowledged.items())}
            assert told(tmp_path, "backup", f"b{number}.db")["verified"]["mutations"] >= sum(
                map(len, before.values()))
            backups.append(before)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    running.kill()
    for number, before in enumerate(backups):
        folder = tmp_path / str(number)
        folder.mkdir()
        told(tmp_path, "restore", f"b{number}.db", database=f"{folder}/mizu.db")
        restored = start(folder=folder).ready()
        for scope, ids in before.items():
            there = {change["mutation"] for change in pull_all(restored, scope)[0]}
            assert set(ids) <= there, f"{len(set(ids) - there)} of {len(ids)} are lost"
        restored.stop()


def test_a_restored_database_turns_away_who_knows_more(start, tmp_path):
    running = start().ready()
    push_one(running, "team", create("a"))
    told(tmp_path, "backup", "b.db")
    later = push_one(running, "team", create("b"))
    assert "held by" in refused(tmp_path, "restore", "b.db")["error"]
    running.stop()
    assert "there already" in refused(tmp_path, "restore", "b.db")["error"]
    for suffix in ["", *BESIDE, "-lock"]:
        if (tmp_path / f"mizu.db{suffix}").exists():
            os.rename(tmp_path / f"mizu.db{suffix}", tmp_path / f"old.db{suffix}")
    told(tmp_path, "restore", "b.db")
    assert stat.S_IMODE(os.stat(tmp_path / "mizu.db").st_mode) == 0o600
    again = start().ready()
    assert pull(again, "team", later["cursor"], later["epoch"]).status == 410
    assert push_one(again, "team", create("c"))["cursor"] == 2
    assert pull(again, "team", later["cursor"], later["epoch"]).status == 410
    again.stop()
    assert told(tmp_path, "verify")["verified"]["changes"] == 2


@pytest.mark.parametrize("part", BESIDE)
def test_nothing_is_restored_beside_what_another_database_has_left(stopped, part):
    told(stopped, "backup", "b.db")
    folder = stopped / "new"
    folder.mkdir()
    (folder / f"mizu.db{part}").write_text("left")
    assert part in refused(stopped, "restore", "b.db", database="new/mizu.db")["error"]
    assert [path.name for path in folder.iterdir()] == [f"mizu.db{part}"]


# --- export and import ----------------------------------------------------------------------------------


def test_an_export_that_is_imported_is_the_same_scope_again(start, stopped):
    lines = tool(stopped, "export", "team").stdout
    answer = told(stopped, "import", "copy", stdin=lines)
    assert (answer["records"], answer["removed"]) == (2, 0)
    assert told(stopped, "verify")["verified"]["records"] == 4
    running = start().ready()
    assert state_of(snapshot_all(running, "copy")[0]) == state_of(snapshot_all(running, "team")[0])
    changes = pull_all(running, "copy")[0]
    assert [change["op"] for change in changes] == ["create", "create"]
    running.stop()


def test_an_import_is_told_to_clients_as_changes(start, stopped):
    running = start().ready()
    _, cursor, epoch = pull_all(running, "team")
    running.stop()
    lines = [{"entity": "todo", "id": "a", "data": {"id": "a", "title": "new"}},
             {"entity": "todo", "id": "z", "data": {"id": "z", "title": "more"}}]
    told(stopped, "import", "team", "--replace", stdin="\n".join(map(json.dumps, lines)))
    running = start().ready()
    changes = pull_all(running, "team", cursor, epoch)[0]
    assert [(c["op"], c["id"]) for c in changes] == [("update", "a"), ("create", "z"),
                                                      ("delete", "d")]
    assert set(state_of(snapshot_all(running, "team")[0])) == {("todo", "a"), ("todo", "z")}
    running.stop()
    assert told(stopped, "verify")["verified"]["changes"] == 8


@pytest.mark.parametrize("lines, words", [
    (['{"entity":"todo","id":"1","data":{}}', "nonsense"], "line 2"),
    (['{"entity":"todo","id":"1","data":{}}', "", '{"entity":"todo","data":{}}'], "line 3: id"),
    (['{"entity":"todo","id":"1","data":{}}'] * 2, "line 2: todo 1 is there twice"),
    (['{"mizu_export":1,"records":2}', '{"entity":"todo","id":"1","data":{}}'], "promises 2"),
    (['{"mizu_export":9}'], "line 1"),
    (['{"mizu_export":1,"checksum":"00","records":1}',
      '{"entity":"todo","id":"1","version":1,"data":{}}'], "checksum"),
], ids=lambda value: str(value)[:24])
def test_a_line_that_cannot_be_read_imports_nothing(stopped, lines, words):
    before = (stopped / "mizu.db").read_bytes()
    many = [f'{{"entity":"todo","id":"n{n}","data":{{"n":{n}}}}}' for n in range(1200)]
    for text in [lines, lines[:-1] + many + lines[-1:]] if "mizu_export" not in lines[0] else [lines]:
        answer = refused(stopped, "import", "team", stdin="\n".join(text))
        if text is lines:
            assert words in answer["error"], answer
    assert told(stopped, "verify")["verified"] == FILLED
    assert len((stopped / "mizu.db").read_bytes()) == len(before)
    assert sorted(path.name for path in stopped.iterdir() if path.name.startswith(".")) == []


def test_many_records_go_in_and_come_out(start, stopped):
    lines = [json.dumps({"entity": "todo", "id": f"{n:06}", "data": {"n": n, "pad": "x" * 200}})
             for n in range(5000)]
    assert told(stopped, "import", "big", stdin="\n".join(lines))["records"] == 5000
    assert told(stopped, "verify")["verified"]["records"] == 5002
    out = tool(stopped, "export", "big").stdout.splitlines()[1:]
    assert [json.loads(line)["data"] for line in out] == [json.loads(line)["data"] for line in lines]


# --- trim and compact -----------------------------------------------------------------------------------


def test_trim_takes_old_changes_away_and_compact_gives_the_space_back(start, stopped):
    lines = [json.dumps({"entity": "todo", "id": f"{n:06}", "data": {"pad": "x" * 500}})
             for n in range(4000)]
    told(stopped, "import", "big", stdin="\n".join(lines))
    assert told(stopped, "trim")["removed_changes"] == 0
    assert told(stopped, "trim", "--before", "1d")["removed_changes"] == 0
    answer = told(stopped, "trim", "--keep", "2")
    assert answer["removed_changes"] > 3000 and answer["removed_log_bytes"] > 1 << 20
    assert told(stopped, "verify")["verified"]["records"] == 4002
    compact = told(stopped, "compact")
    assert compact["bytes_after"] < compact["bytes_before"] - (1 << 20)
    assert compact["bytes_after"] == os.path.getsize(stopped / "mizu.db")
    assert told(stopped, "verify")["verified"]["records"] == 4002
    running = start().ready()
    assert len(snapshot_all(running, "big")[0]) == 4000
    assert pull(running, "team", 0).status == 410
    running.stop()


def test_tools_that_write_take_in_what_a_crash_has_left(start, tmp_path):
    for words in [["trim"], ["compact"], ["import", "more", "-i", "/dev/null"]]:
        folder = tmp_path / words[0]
        folder.mkdir()
        running = start(folder=folder, env=COUNTED).ready()
        fill(running)
        running.kill()
        told(folder, *words)
        answer = told(folder, "verify")
        assert answer["verified"] == FILLED and answer["copy"] is False
