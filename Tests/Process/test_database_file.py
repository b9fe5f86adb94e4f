"""The database's files: who may read them, whose they are, and what happens when they are taken away.

Outside programs are the real ones: sqlite3, mount, mv, rm.
"""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess

import pytest

from server import Server, wait_until
from sync import create, pull, pull_all, push_one, snapshot_all
from wire import WebSocket, fetch, post

SUFFIXES = ["", "-wal", "-shm", "-lock", "-commits0", "-commits1"]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def sqlite(database, command):
    # A fold of the server's has the file for a moment, and sqlite3 would not wait for its end.
    done = subprocess.run(["sqlite3", "-cmd", ".timeout 60000", database, command],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.strip()


def wait_for_fold(database, changes):
    """Waits until as many changes are in the file's tables; a moment after they were acknowledged."""
    query = "SELECT coalesce(sum(cursor), 0) FROM scopes"
    wait_until(lambda: sqlite(str(database), query) == str(changes), what=f"{changes} changes")


def refused(server):
    """The status and code of a push that is not taken."""
    answer = post(server, "/_sync/push", {"mutations": [create()]})
    return answer.status, answer.code


def is_ready(server):
    """True, or what is in the way."""
    answer = fetch(server, "GET", "/readyz")
    assert answer.status == (200 if answer.body == b"ok" else 503), answer
    return True if answer.status == 200 else answer.json["reason"]


def has_said(server, words):
    """What is found is written down, maybe by another thread than the one that answers."""
    wait_until(lambda: words in server.errors, what=lambda: f"{words!r} in {server.errors!r}")


def ends_at_once(server):
    """The one line with which a start is refused."""
    assert server.wait() == 1, server.errors
    assert len(server.error_lines) == 1, server.errors
    return server.error_lines[0]


# --- who may read it ------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_the_files_are_nobody_elses_whatever_the_umask(start, tmp_path, umask):
    running = start(
        database="sqlite:data/deep/mizu.db", before_exec=lambda: os.umask(umask)).ready()
    push_one(running, "s", create())
    assert mode(tmp_path / "data") == mode(tmp_path / "data/deep") == 0o700
    for suffix in SUFFIXES:
        assert mode(f"{tmp_path}/data/deep/mizu.db{suffix}") == 0o600, suffix
    # The same user's tools go on reading it.
    wait_for_fold(f"{tmp_path}/data/deep/mizu.db", 1)
    copy = f"{tmp_path}/copy.db"
    sqlite(f"{tmp_path}/data/deep/mizu.db", f".backup {copy}")
    assert sqlite(copy, "SELECT count(*) FROM records") == "1"


def test_files_of_an_older_version_are_closed_to_others(start, tmp_path):
    start().ready().stop()
    os.chmod(tmp_path / "mizu.db", 0o664)
    os.chmod(tmp_path / "mizu.db-lock", 0o644)
    running = start().ready()
    # The group's rights are somebody's choice and stay.
    assert mode(tmp_path / "mizu.db") == 0o660
    assert mode(tmp_path / "mizu.db-lock") == 0o640
    for suffix in ["", "-lock"]:
        assert f"mizu.db{suffix} was open to every user of the machine" in running.errors
    push_one(running, "s", create())
    assert mode(tmp_path / "mizu.db-wal") & 0o007 == 0


# --- the end --------------------------------------------------------------------------------------


def test_a_clean_stop_leaves_one_file_with_everything(tmp_path):
    for turn in range(20):
        folder = tmp_path / str(turn)
        folder.mkdir()
        running = Server(folder).ready()
        try:
            for _ in range(3):
                push_one(running, "s", create())
            # A reader that has just been at work is one more connection to close.
            snapshot_all(running, "s")
            running.stop()
        finally:
            running.kill()
        assert not (folder / "mizu.db-wal").exists(), turn
        assert not (folder / "mizu.db-shm").exists(), turn
        shutil.copy(folder / "mizu.db", folder / "copy.db")
        assert sqlite(f"{folder}/copy.db", "SELECT count(*) FROM records") == "3"


def test_a_reader_outside_holds_the_end_up_for_a_bounded_time_and_is_told(start, tmp_path):
    running = start().ready()
    push_one(running, "s", create())
    wait_for_fold(tmp_path / "mizu.db", 1)
    outside = subprocess.Popen(
        ["sqlite3", str(tmp_path / "mizu.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, bufsize=1)
    try:
        outside.stdin.write("BEGIN; SELECT count(*) FROM records;\n")
        outside.stdin.flush()
        assert outside.stdout.readline().strip() == "1"
        push_one(running, "s", create())
        running.signal(signal.SIGTERM)
        assert running.wait(60) == 0
        assert "mizu.db-wal is in use by another program" in running.errors
    finally:
        outside.stdin.close()
        outside.wait(60)
        outside.stdout.close()
    again = start().ready()
    assert len(pull_all(again, "s")[0]) == 2


# --- taken away -----------------------------------------------------------------------------------


def test_a_deleted_database_is_noticed_and_nothing_is_acknowledged(start, tmp_path):
    running = start().ready()
    push_one(running, "s", create())
    assert is_ready(running) is True
    for suffix in ["", "-wal", "-shm"]:
        os.unlink(f"{tmp_path}/mizu.db{suffix}")
    assert refused(running) == (503, "unavailable")
    wait_until(lambda: is_ready(running) == "storage_failing")
    assert fetch(running, "GET", "/healthz").body == b"ok"
    for _ in range(20):
        assert refused(running) == (503, "unavailable")
    has_said(running, "mizu.db has been deleted")
    assert running.errors.count("mizu.db has been deleted") == 1, running.errors


def test_a_deletion_is_noticed_without_a_push(start, tmp_path):
    running = start().ready()
    os.unlink(tmp_path / "mizu.db")
    wait_until(lambda: is_ready(running) == "storage_failing")
    has_said(running, "mizu.db has been deleted")


def test_a_database_that_was_moved_away_and_comes_back_is_written_again(start, tmp_path):
    running = start().ready()
    push_one(running, "s", create())
    os.rename(tmp_path / "mizu.db", tmp_path / "away.db")
    assert refused(running) == (503, "unavailable")
    # Another file in its place is no more the one that is open.
    shutil.copy(tmp_path / "away.db", tmp_path / "mizu.db")
    assert refused(running) == (503, "unavailable")
    has_said(running, "moved away or replaced")
    os.rename(tmp_path / "away.db", tmp_path / "mizu.db")
    assert push_one(running, "s", create())["ok"]
    wait_until(lambda: is_ready(running) is True)
    has_said(running, "the store takes writes again")
    assert len(pull_all(running, "s")[0]) == 2


def test_a_wal_that_is_deleted_costs_nothing_that_was_acknowledged(start, tmp_path):
    running = start().ready()
    for _ in range(5):
        push_one(running, "s", create())
    os.unlink(tmp_path / "mizu.db-wal")
    assert refused(running) == (503, "unavailable")
    has_said(running, "mizu.db-wal has been deleted or replaced")
    running.signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert len(pull_all(start().ready(), "s")[0]) == 5


def test_a_second_server_is_refused_though_the_lock_file_is_gone(start, tmp_path):
    first = start().ready()
    os.unlink(tmp_path / "mizu.db-lock")
    assert "mizu.db is held by another process" in ends_at_once(start())
    assert push_one(first, "s", create())["ok"]


# --- borrowed files -------------------------------------------------------------------------------


def test_a_file_with_a_second_name_is_refused(start, tmp_path):
    start().ready().stop()
    os.mkdir(tmp_path / "other")
    os.link(tmp_path / "mizu.db", tmp_path / "other/mizu.db")
    line = ends_at_once(start(database="sqlite:other/mizu.db"))
    assert "mount the folder, not the file" in line, line
    os.unlink(tmp_path / "other/mizu.db")
    start().ready().stop()


def test_a_file_that_is_mounted_by_itself_is_refused(start, tmp_path):
    (tmp_path / "host.db").touch()
    os.mkdir(tmp_path / "inside")
    (tmp_path / "inside/mizu.db").touch()
    alone = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    bind = "mount --bind host.db inside/mizu.db"
    if subprocess.run([*alone, bind], cwd=tmp_path, capture_output=True).returncode != 0:
        pytest.skip("mounts are not allowed here")
    from server import MIZU
    line = ends_at_once(start(
        database="sqlite:inside/mizu.db",
        command=(*alone, f"{bind} && exec {MIZU} serve")))
    assert "mount the folder, not the file" in line, line
    # The folder, mounted, is what is meant.
    bind = "mkdir -p host && mount --bind host inside"
    running = start(
        database="sqlite:inside/mizu.db", command=(*alone, f"{bind} && exec {MIZU} serve")).ready()
    assert push_one(running, "s", create())["ok"]


# --- a backup put back ----------------------------------------------------------------------------


def test_a_backup_put_back_into_the_open_database_turns_away_who_saw_what_is_lost(start, tmp_path):
    running = start().ready()
    database = str(tmp_path / "mizu.db")
    for _ in range(10):
        push_one(running, "s", create())
    _, kept, epoch = pull_all(running, "s")
    wait_for_fold(database, 10)
    sqlite(database, f".backup {tmp_path}/b.db")
    for _ in range(10):
        push_one(running, "s", create())
    _, lost, _ = pull_all(running, "s")
    assert (kept, lost) == (10, 20)
    # What has not reached the file when it is put back is later than the backup, and stays.
    wait_for_fold(database, 20)
    socket = WebSocket(running)
    socket.send_json({"type": "subscribe", "ref": "1", "topic": "sync:s",
                      "payload": {"cursor": lost, "epoch": epoch}})
    assert socket.receive_json()["type"] == "ack"
    sqlite(database, f".restore {tmp_path}/b.db")
    # Within a second the one truth is the backup's, on every way.
    wait_until(lambda: pull(running, "s", lost, epoch).status == 410, what="a 410")
    _, cursor, _ = snapshot_all(running, "s")
    assert cursor == 10
    assert pull_all(running, "s", kept, epoch)[1] == 10
    # Who is subscribed is asked to say again where it stands.
    assert socket.receive_json()["type"] == "drain"
    assert socket.receive_close() == 1012
    # Lost cursors are given out again, and nobody takes them for the old ones.
    for _ in range(12):
        assert push_one(running, "s", create())["ok"]
    assert pull(running, "s", lost, epoch).status == 410
    assert len(pull_all(running, "s", kept, epoch)[0]) == 12
    has_said(running, "an older state of the database was put back")
    assert running.errors.count("an older state of the database was put back") == 1
    running.stop()
    again = start().ready()
    assert pull(again, "s", lost, epoch).status == 410
    assert len(pull_all(again, "s", kept, epoch)[0]) == 12


def test_a_push_right_behind_a_restore_already_begins_the_new_epoch(start, tmp_path):
    running = start().ready()
    push_one(running, "s", create())
    wait_for_fold(tmp_path / "mizu.db", 1)
    sqlite(f"{tmp_path}/mizu.db", f".backup {tmp_path}/b.db")
    old = push_one(running, "s", create())
    wait_for_fold(tmp_path / "mizu.db", 2)
    sqlite(f"{tmp_path}/mizu.db", f".restore {tmp_path}/b.db")
    new = push_one(running, "s", create())
    assert (old["cursor"], new["cursor"]) == (2, 2) and old["epoch"] != new["epoch"]
    assert pull(running, "s", 2, old["epoch"]).status == 410
    assert pull(running, "s", 2, new["epoch"]).status == 200


def test_an_outsider_that_takes_nothing_away_disturbs_nobody(start, tmp_path):
    """A replicator writes tables of its own and checkpoints; nothing of ours is lost."""
    running = start().ready()
    database = str(tmp_path / "mizu.db")
    first = push_one(running, "s", create())
    for _ in range(5):
        sqlite(database, "CREATE TABLE IF NOT EXISTS _seq(n); INSERT INTO _seq VALUES(1);"
                         "PRAGMA wal_checkpoint(TRUNCATE)")
        later = push_one(running, "s", create())
        assert later["epoch"] == first["epoch"]
    assert "put back" not in running.errors
    assert len(pull_all(running, "s", 1, first["epoch"])[0]) == 5


def test_folds_that_another_program_delays_for_long_lag_until_it_ends(start, tmp_path):
    """Commits go on in the journal, as long as it has room; /readyz says what is in the way."""
    running = start(env={"RATE_LIMIT": "off"}).ready()
    database = str(tmp_path / "mizu.db")
    kept = [push_one(running, "s", create())["id"]]
    wait_for_fold(database, 1)
    outsider = sqlite3.connect(database, timeout=60, isolation_level=None)
    outsider.execute("BEGIN IMMEDIATE")
    kept.append(push_one(running, "s", create())["id"])

    def fills_up():
        batch = [create(title="x" * 450) for _ in range(100)]
        answer = post(running, "/_sync/push", {"scope": "s", "mutations": batch})
        if answer.status == 200:
            kept.extend(result["id"] for result in answer.json["results"] if result["ok"])
            return False
        assert (answer.status, answer.code) == (503, "unavailable"), answer
        return is_ready(running) == "folds_lag"

    wait_until(fills_up, 120, "folds_lag")
    outsider.execute("ROLLBACK")
    outsider.close()
    wait_until(lambda: is_ready(running) is True, 60, "ready")
    kept.append(push_one(running, "s", create())["id"])
    assert [change["mutation"] for change in pull_all(running, "s")[0]] == kept


def test_another_programs_database_put_in_place_is_not_written_to(start, tmp_path):
    running = start().ready()
    push_one(running, "s", create())
    sqlite(f"{tmp_path}/other.db", "CREATE TABLE t(x); INSERT INTO t VALUES(1)")
    sqlite(f"{tmp_path}/mizu.db", f".restore {tmp_path}/other.db")
    assert refused(running) == (503, "unavailable")
    has_said(running, "of another kind or version")
    assert sqlite(f"{tmp_path}/mizu.db", "SELECT count(*) FROM sqlite_schema") == "1"


def test_a_directory_is_no_database_and_the_line_says_so(start, tmp_path):
    (tmp_path / "folder").mkdir()
    running = start(database="sqlite:folder")
    assert running.wait() == 1
    assert "folder is a directory" in running.errors, running.errors


def test_the_folder_is_closed_to_others_whoever_makes_it(start, tmp_path):
    running = start(database="sqlite:new/mizu.db", env={
        "TLS_ADDR": "127.0.0.1:0", "TLS_SELF_SIGNED": "true"}).ready()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    running.stop()
