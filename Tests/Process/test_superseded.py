"""many-machines.md, "An old primary that comes back": of the primaries of one cluster nodes use the
latest alone, whether they reach it themselves or through PgBouncer.
"""

import contextlib
import subprocess

import server as processes
import stores
from daemon import program
from postgres import PASSWORD, SUPERUSER, failover_url
from server import wait_until
from sync import create, new_scope, post
from wire import fetch

SECONDS = 60


def lead(pool, cluster):
    """PgBouncer leads to another cluster from now on."""
    pool.cluster = cluster
    pool.command()
    done = subprocess.run(
        [program("psql"), "-XAtq", f"postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{pool.port}/pgbouncer",
         "-c", "RELOAD", "-c", "RECONNECT"], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr


def takes(node):
    """Whether a push to the node is acknowledged."""
    body = {"scope": new_scope("after"), "mutations": [create()]}
    return post(node, "/_sync/push", body).status == 200


def refuses(node):
    answer = fetch(node, "GET", "/readyz")
    return answer.status == 503 and "is an old primary (timeline 1)" in node.errors


def test_an_old_primary_that_comes_back_as_it_was_is_not_used(tmp_path):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.closing(stores.start_cluster()))
        second = stack.enter_context(contextlib.closing(first.standby(synchronous=False)))
        pool = stack.enter_context(contextlib.closing(stores.start_bouncer(first)))
        name = first.create_database()

        def start(url, folder):
            (tmp_path / folder).mkdir()
            node = processes.Server(tmp_path / folder, database=url, env={"WORKERS": "1"})
            stack.callback(node.kill)
            return node.ready()

        def count(cluster):
            return int(cluster.sql("SELECT count(*) FROM mizu_log", name))

        url = failover_url(first, second, name)
        node, pooled = start(url, "node"), start(pool.url(name), "pooled")
        assert takes(node) and takes(pooled)
        second.catch_up(first)
        first.crash()
        second.promote()
        lead(pool, second)
        for each in (node, pooled):
            wait_until(lambda: takes(each), SECONDS, lambda: each.errors)

            assert "a new epoch epoch=" in each.errors

        # Nobody has fenced it, and the URL names it first.
        first.start()
        before = count(first)
        second.cut_connections()
        lead(pool, first)
        wait_until(lambda: takes(node), SECONDS, lambda: node.errors)
        assert "is an old primary (timeline 1)" in node.errors
        wait_until(lambda: refuses(pooled), SECONDS, lambda: pooled.errors)
        assert not takes(pooled)
        # One that starts knows of nothing, and asks the other hosts.
        assert takes(start(url, "fresh"))

        second.crash()
        wait_until(lambda: refuses(node), SECONDS, lambda: node.errors)
        assert not takes(node)
        assert count(first) == before
        second.start()
        lead(pool, second)
        for each in (node, pooled):
            wait_until(lambda: takes(each), SECONDS, lambda: each.errors)
