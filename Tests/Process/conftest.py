"""Fixtures: one server for each test module, and a maker of servers for tests that end theirs. Both are
on the store that the test's mark names (stores.py)."""

import ctypes
import os
import signal
import subprocess

import pytest

import server as processes
import stores
from peer import Peer


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "alone: loads or measures the whole machine; nothing else runs beside it")
    config.addinivalue_line("markers", "stores(*kinds, soak=()): runs on each of them (stores.py)")


def pytest_generate_tests(metafunc):
    mark = metafunc.definition.get_closest_marker("stores")
    if mark and "store" in metafunc.fixturenames:
        metafunc.parametrize("store", stores.kinds_of(mark), indirect=True, scope="module")


def pytest_collection_modifyitems(config, items):
    if not os.access(processes.MIZU, os.X_OK):
        pytest.exit("MIZU_BIN names no executable: run this through `make test`", returncode=2)


@pytest.fixture(scope="session")
def postgres_cluster():
    """One PostgreSQL for the whole run. A test that ends or crashes one starts its own."""
    cluster = stores.start_cluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def store(request):
    """What the servers of a test keep their data in; SQLite unless the test is marked `stores`."""
    kind = getattr(request, "param", "sqlite")
    cluster, bouncer = None, None
    if kind in ("postgres", "pgbouncer"):
        cluster = request.getfixturevalue("postgres_cluster")
    if kind == "pgbouncer":
        bouncer = stores.start_bouncer(cluster)
    made = stores.Store(kind, cluster, bouncer)
    yield made
    made.drop()
    if bouncer:
        bouncer.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    """A server that a module's tests share; it must end well after all of them."""
    running = processes.Server(
        tmp_path_factory.mktemp("server"), database=store.new_url()).ready()
    yield running
    try:
        assert running.child.poll() is None, f"the server died: {running.errors}"
        running.stop()
    finally:
        running.kill()


@pytest.fixture
def start(tmp_path, store):
    """start(**what Server takes) starts a server in the test's own folder, on one place of the test's
    store unless `database` names another; all are ended after it."""
    running, url = [], []

    # `None` is a server without a DATABASE_URL.
    def starter(folder=tmp_path, database=..., **options):
        if database is ...:
            database = url[0] if url else store.new_url()
            url[:] = [database]
        running.append(processes.Server(folder, database=database, **options))
        return running[-1]

    yield starter
    for process in running:
        process.kill()


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """An `echo-server` that a module's tests share; it must end well after all of them."""
    process = processes.EchoServer(tmp_path_factory.mktemp("echo"))
    try:
        yield process
        process.signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.errors
        assert all(processes.LISTENING.match(line) for line in process.lines), process.lines
    finally:
        process.kill()


@pytest.fixture(params=[None, "permessage-deflate"], ids=["plain", "deflate"])
def peer(echo, request):
    """An open WebSocket, with and without an extension: what is plain is the same with both."""
    with Peer(echo, request.param) as peer:
        assert (peer.agreed is None) == (request.param is None), peer.answer
        yield peer


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 4 MiB; needs root and a kernel that lets this container mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder],
            capture_output=True).returncode != 0:
        pytest.skip("cannot mount a small tmpfs here")
    yield folder
    ctypes.CDLL(None).umount2(str(folder).encode(), 2)
