"""The real servers themselves: they start quickly, are who they should be, and are gone afterwards."""

import os
import select
import signal
import socket
import threading
import time

import pytest

from daemon import Missing, free_port
from haproxy import HAProxy
from pgbouncer import PgBouncer
from postgres import Postgres
from redis_server import Redis, Sentinel
from relay import Relay


def started(kind, *arguments, **options):
    try:
        return kind(*arguments, **options).start()
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def cluster():
    with started(Postgres) as running:
        yield running


def owner(daemon):
    return os.stat(f"/proc/{daemon.child.pid}").st_uid


def test_a_cluster_has_databases_of_its_own_and_no_root(cluster):
    assert owner(cluster) != 0
    first, second = cluster.create_database(), cluster.create_database()
    cluster.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)", first)
    assert cluster.sql("SELECT a FROM t", first) == "7"
    assert cluster.sql("SELECT count(*) FROM pg_tables WHERE tablename = 't'", second) == "0"
    cluster.drop_database(first)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_cluster_that_ended_or_crashed_has_what_was_committed(cluster, number):
    name = cluster.create_database()
    cluster.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (8)", name)
    port = cluster.port
    cluster.restart(number)
    assert cluster.port == port and cluster.sql("SELECT a FROM t", name) == "8"


def test_a_synchronous_standby_takes_over():
    with started(Postgres) as first:
        name = first.create_database()
        with first.standby() as second:
            first.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (9)", name)
            assert second.sql("SELECT pg_is_in_recovery()") == "t"
            first.crash()
            second.promote()
            assert second.sql("SELECT a FROM t", name) == "9"
            second.sql("INSERT INTO t VALUES (10)", name)
            # And back again: the old one follows at its old address.
            port = first.port
            first.follow(second)
            second.be_followed_by(first)
            second.sql("INSERT INTO t VALUES (11)", name)
            assert first.port == port and first.sql("SELECT count(*) FROM t", name) == "3"


def test_pgbouncer_lends_a_connection_for_a_transaction(cluster):
    with started(PgBouncer, cluster) as bouncer:
        assert owner(bouncer) != 0
        done = bouncer.run("psql", "-XAtq", bouncer.url("postgres"), "-c", "SELECT 5")
        assert done.strip() == "5"


def test_redis_answers_whoever_knows_its_password_and_is_gone_with_its_folder():
    with started(Redis) as redis:
        assert owner(redis) != 0 and redis.ask("SET", "a", "1") == "OK"
        assert redis.ask("GET", "a") == "1"
        redis.flush()
        assert redis.ask("GET", "a") is None
        redis.kill()
        redis.start()
        assert redis.ask("PING") == "PONG"
        folder = redis.folder
    assert not redis.is_running() and not folder.exists()


def test_a_sentinel_knows_its_master():
    with started(Redis) as master, started(Sentinel, master) as sentinel:
        address = sentinel.ask("SENTINEL", "get-master-addr-by-name", "mizu")
        assert address == ["127.0.0.1", str(master.port)]


def test_haproxy_runs_from_a_text():
    with started(HAProxy, "defaults\n mode http\n timeout client 5s\n timeout connect 1s\n"
                 f" timeout server 5s\nfrontend f\n bind 127.0.0.1:PORT\n default_backend b\n"
                 f"backend b\n server s 127.0.0.1:{free_port()}\n") as proxy:
        assert owner(proxy) != 0 and proxy.accepts(proxy.port)


@pytest.fixture
def relayed():
    """A relay to a server that sends back what it gets, and one connection through it."""
    echo = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = echo.accept()
            except OSError:
                return
            with connection:
                try:
                    while data := connection.recv(65536):
                        seen.append(data)
                        connection.sendall(data)
                except OSError:
                    pass

    seen = []
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with Relay(echo.getsockname()[1]) as relay:
        with socket.create_connection(("127.0.0.1", relay.port), 10) as connection:
            yield relay, connection, seen
    echo.shutdown(socket.SHUT_RDWR)
    echo.close()


def is_silent(connection):
    return not select.select([connection], [], [], 0.1)[0]


def test_a_relay_passes_holds_and_delays(relayed):
    relay, connection, seen = relayed
    connection.sendall(b"one")
    assert connection.recv(10) == b"one"
    relay.set("hold")
    connection.sendall(b"two")
    assert is_silent(connection) and b"two" not in seen
    relay.set("pass", delay=0.1)
    assert connection.recv(10) == b"two"
    began = time.monotonic()
    connection.sendall(b"three")
    assert connection.recv(10) == b"three" and time.monotonic() - began >= 0.2


def test_a_relay_lets_requests_go_and_keeps_the_answers_and_cuts(relayed):
    relay, connection, seen = relayed
    relay.set("answers")
    connection.sendall(b"commit")
    assert is_silent(connection) and seen == [b"commit"]
    relay.set("cut")
    with pytest.raises(ConnectionResetError):
        connection.recv(10)
    with pytest.raises(OSError):
        with socket.create_connection(("127.0.0.1", relay.port), 10) as again:
            again.sendall(b"x")
            if not again.recv(10):
                raise ConnectionResetError
            raise AssertionError("a cut relay takes nobody")
