"""many-machines.md, "How to move" and "What fails how", of one node and its PostgreSQL: what a URL may
say (several hosts, TLS, a file with the password), what stands in the way of the tables, and a lock that
somebody holds on them.
"""

import contextlib
import subprocess
import time

import pytest

import server as processes
import stores
from daemon import free_port, program
from postgres import PASSWORD, SUPERUSER
from server import wait_until
from sync import create, new_scope, post, pull, push, push_one
from tls import make_certificate
from wire import fetch

SECONDS = 60


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A cluster that speaks TLS, too, with a certificate that signs itself; `certificate` is its path."""
    certificate, key = make_certificate(tmp_path_factory.mktemp("tls"))
    cluster = stores.start_cluster(settings={
        "ssl": "on", "ssl_cert_file": "'../server.pem'", "ssl_key_file": "'../server.key'"},
        files={"server.pem": certificate.read_text(), "server.key": key.read_text()})
    cluster.certificate = certificate
    yield cluster
    cluster.close()


@pytest.fixture
def database(postgres):
    name = postgres.create_database()
    yield name
    postgres.drop_database(name)


@pytest.fixture
def start(tmp_path):
    """Starts a node, which may refuse; it ends with the test."""
    nodes = []

    def start(url, **env):
        nodes.append(processes.Server(tmp_path, database=url, env={"WORKERS": "1", **env}))
        return nodes[-1]

    yield start
    for node in nodes:
        node.kill()


def works(node):
    scope = new_scope()
    assert push_one(node.ready(), scope, create())["ok"]
    assert len(pull(node, scope).json["changes"]) == 1


def authority(url, hosts, **parameters):
    """The URL with other hosts and ports."""
    start, _, rest = url.partition("@")
    name = rest.partition("/")[2]
    query = "&".join(f"{key}={value}" for key, value in parameters.items())
    return f"{start}@{hosts}/{name}?{query}"


def test_of_several_hosts_the_one_that_writes_is_chosen(postgres, database, start):
    """The first is gone, the second a standby; nothing need be said of it."""
    with contextlib.closing(postgres.standby(synchronous=False)) as standby:
        hosts = ",".join(f"127.0.0.1:{port}" for port in (free_port(), standby.port, postgres.port))
        works(start(authority(postgres.url(database), hosts)))
        hosts = f"127.0.0.1:{standby.port},127.0.0.1:{postgres.port}"
        works(start(authority(postgres.url(database), hosts, target_session_attrs="read-write")))


def test_tls_with_a_certificate_that_signs_itself(postgres, database, start):
    port, url = postgres.port, postgres.url(database)
    works(start(authority(url, f"localhost:{port}", sslmode="require")))
    used = postgres.sql(f"SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
                        f"WHERE datname = '{database}' AND NOT ssl")
    assert used == "0"
    works(start(authority(url, f"localhost:{port}", sslmode="verify-full",
                          sslrootcert=postgres.certificate)))
    # One that vouches for another server.
    other, _ = make_certificate(postgres.certificate.parent, "other")
    node = start(authority(url, f"localhost:{port}", sslmode="verify-full", sslrootcert=other))
    wait_until(lambda: "certificate verify failed" in node.errors, SECONDS, lambda: node.errors)
    assert PASSWORD not in node.errors


def test_the_password_may_stand_in_a_file(postgres, database, start, tmp_path):
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:{postgres.port}:*:{SUPERUSER}:{PASSWORD}\n")
    file.chmod(0o600)
    url = f"postgres://{SUPERUSER}@127.0.0.1:{postgres.port}/{database}"
    works(start(url, PGPASSFILE=str(file)))


@pytest.mark.parametrize("name", ["mizu_scope", "mizu_meta"])
def test_a_table_that_is_not_ours_is_named_and_left_alone(postgres, database, start, name):
    postgres.sql(f"CREATE TABLE {name}(x int)", database)
    node = start(postgres.url(database))
    wait_until(lambda: "is not mizu's" in node.errors, SECONDS, lambda: node.errors)
    assert name in node.errors and "search_path" in node.errors
    tables = postgres.sql("SELECT string_agg(relname, ' ') FROM pg_class WHERE relname LIKE 'mizu%'",
                          database)
    assert tables == name


def test_a_lock_that_somebody_holds_on_the_tables_makes_a_node_not_ready(postgres, database, start):
    node, scope = start(postgres.url(database)).ready(), new_scope()
    assert push_one(node, scope, create())["ok"]
    with holding(postgres, database, "LOCK TABLE mizu_scope, mizu_record"):
        # The wait for it is bounded, and shorter than what a client waits for an answer.
        assert pull(node, scope).status == 503
        answer = wait_until(lambda: (one := fetch(node, "GET", "/readyz")).status == 503 and one,
                            what="a node that is not ready")
        assert answer.json["reason"] == "storage_failing", answer
        wait_until(lambda: "lock timeout" in node.errors, SECONDS, lambda: node.errors)
    wait_until(lambda: fetch(node, "GET", "/readyz").status == 200, SECONDS, lambda: node.errors)
    assert len(pull(node, scope).json["changes"]) == 1
    assert push_one(node, scope, create())["ok"]


def test_a_lock_on_one_table_is_noticed_without_pushes_and_is_not_waited_for_by_each(
        postgres, database, start):
    node, idle = [start(postgres.url(database), COMMITTERS="1").ready() for _ in range(2)]
    assert push_one(node, new_scope(), create())["ok"]
    with holding(postgres, database, "LOCK TABLE mizu_log IN SHARE MODE"):
        for each in (node, idle):
            wait_until(lambda: fetch(each, "GET", "/readyz").status == 503, SECONDS, lambda: each.errors)
            assert "lock timeout" in each.errors
        began = time.monotonic()
        for _ in range(7):  # 10 s for each would be more
            assert post(node, "/_sync/push", {"scope": new_scope(), "mutations": [create()]}).status == 503
        assert time.monotonic() - began < SECONDS
        assert fetch(node, "GET", "/readyz").status == 503
        assert "takes writes again" not in node.errors + idle.errors
    for each in (node, idle):
        wait_until(lambda: fetch(each, "GET", "/readyz").status == 200, SECONDS, lambda: each.errors)
        assert push_one(each, new_scope(), create())["ok"]


def test_a_database_that_becomes_read_only_makes_a_node_not_ready(postgres, database, start):
    node, scope = start(postgres.url(database), COMMITTERS="1").ready(), new_scope()
    assert push_one(node, scope, create())["ok"]
    changed = {"scope": scope, "mutations": [create()]}
    postgres.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        postgres.sql("SELECT pg_reload_conf()")
        wait_until(lambda: post(node, "/_sync/push", changed | {"mutations": [create()]}).status == 503,
                   SECONDS, lambda: node.errors)
        for _ in range(3):
            answer = fetch(node, "GET", "/readyz")
            assert answer.status == 503 and answer.json["reason"] == "storage_failing", answer
            assert post(node, "/_sync/push", changed).status == 503
        # One line tells of it, whatever was refused since.
        assert node.errors.count("read-only transaction") == 1, node.errors
        assert "takes writes again" not in node.errors
    finally:
        postgres.sql("ALTER SYSTEM RESET default_transaction_read_only")
        postgres.sql("SELECT pg_reload_conf()")
    wait_until(lambda: fetch(node, "GET", "/readyz").status == 200, SECONDS, lambda: node.errors)
    wait_until(lambda: "takes writes again" in node.errors, SECONDS, lambda: node.errors)
    assert push(node, scope, *changed["mutations"])[0]["ok"]


@contextlib.contextmanager
def holding(postgres, database, statement):
    """Another session has done a statement, and its transaction is open."""
    session = subprocess.Popen(
        [program("psql"), "-XAtq", "-h", postgres.folder, "-p", str(postgres.port), "-U", SUPERUSER,
         "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        session.stdin.write(f"BEGIN; {statement}; SELECT 'held';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "held\n"
        yield
    finally:
        session.communicate("ROLLBACK;\n", timeout=SECONDS)
