"""Fixtures: one server for each test module, and a maker of servers for tests that end theirs."""

import os

import pytest

import server as processes


def pytest_collection_modifyitems(config, items):
    if not os.access(processes.MIZU, os.X_OK):
        pytest.exit("MIZU_BIN names no executable: run this through `make test`", returncode=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that a module's tests share; it must end well after all of them."""
    running = processes.Server(tmp_path_factory.mktemp("server")).ready()
    yield running
    try:
        assert running.child.poll() is None, f"the server died: {running.errors}"
        running.stop()
    finally:
        running.kill()


@pytest.fixture
def start(tmp_path):
    """start(**what Server takes) starts a server in the test's own folder; all are ended after it."""
    running = []

    def starter(folder=tmp_path, **options):
        running.append(processes.Server(folder, **options))
        return running[-1]

    yield starter
    for process in running:
        process.kill()
