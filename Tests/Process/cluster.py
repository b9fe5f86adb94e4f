"""Several nodes of `mizu serve` over one store, beside Redis or not: what a test of many machines starts,
kills, and asks. The store and Redis are real servers of Tests/Servers, whose owner is the test.
"""

import collections
import threading
import time

import server as processes
from sync import pull
from test_metrics import Admin, samples, scrape
from wire import Closed, Connection

# No trim and no forgotten outcome may blur what a fault does; a node that drains need not be polite.
SETTINGS = {"RETAIN_CHANGES": "100000000", "WORKERS": "1", "DRAIN_TIMEOUT": "2"}
GONE = (Closed, OSError, TimeoutError)


class Cluster:
    """`nodes[i]` is a running server, or None while that node is down."""

    def __init__(self, folder, url, count=3, redis=None, env=None, envs=None):
        """`url` is that of all nodes, or a list with one for each; `envs` are by their indices what
        else some have set."""
        self.folder, self.count = folder, count
        self.env = {**SETTINGS, **({"REDIS_URL": redis.url} if redis else {}), **(env or {})}
        self.urls = [url] * count if isinstance(url, str) else url
        self.envs, self.replica_views = envs or {}, collections.Counter()
        self.nodes, self.past = [None] * count, []
        self._lock = threading.Lock()

    @property
    def is_shared(self):
        """Whether two nodes may stand on the store at the same time."""
        return self.urls[0].startswith("postgres")

    def start(self):
        for index in range(self.count):
            self.start_node(index, wait=False)
        for node in self.nodes:
            node.ready()
        return self

    def start_node(self, index, wait=True):
        folder = self.folder / f"node-{index}"
        folder.mkdir(exist_ok=True)
        # One file is one node's: several can share only what is a server.
        place = folder if self.is_shared else self.folder
        node = processes.Server(place, database=self.urls[index],
                                env={**self.env, **self.envs.get(index, {})})
        self.past.append(node)
        if wait:
            node.ready()
        with self._lock:
            self.nodes[index] = node
        return node

    def take_out(self, index):
        """Takes a node out of what clients choose from; returns it, still running."""
        self.count_views(index)
        with self._lock:
            node, self.nodes[index] = self.nodes[index], None
        return node

    def count_views(self, index):
        """Adds up, before a node ends, what it has read from the replica and why not more."""
        node = self.nodes[index]
        if node is None or "DATABASE_READ_URL" not in self.envs.get(index, {}):
            return
        try:
            node.admin = Admin(node)
            found = samples(scrape(node))
        except GONE:
            return  # that it has ended by itself is said by `repair`
        for name, value in found.items():
            if name.startswith("mizu_replica_"):
                self.replica_views[name.partition("=")[2].strip('"}') or "read"] += int(value)

    def kill_node(self, index):
        node = self.take_out(index)
        if node:
            node.kill()

    def repair(self):
        """Starts whoever is down or has ended by itself, which no node may."""
        for index, node in enumerate(self.nodes):
            if node is not None and node.child.poll() is not None:
                raise AssertionError(f"node {index} ended by itself: {node.errors[-3000:]}")
            if node is None:
                self.start_node(index)

    def pick(self, rng):
        """A node that runs as far as anybody knows; None if there is none at this moment."""
        with self._lock:
            running = [node for node in self.nodes if node is not None]
        return rng.choice(running) if running else None

    def close(self):
        for node in self.past:
            node.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Link:
    """A kept connection to one node after the other. `over(rng)` moves on to any node."""

    def __init__(self, cluster, make=Connection):
        self.cluster, self.make, self.connection, self.node = cluster, make, None, None

    def over(self, rng, stop, seconds=60.0):
        """An open connection; raises TimeoutError if no node takes one until `stop` or `seconds`."""
        if self.connection is not None and rng.random() < 0.3:
            self.drop()
        end = time.monotonic() + seconds
        while self.connection is None:
            node = self.cluster.pick(rng)
            try:
                if node is not None:
                    # Longer than a paused server is paused, short enough to try another node.
                    self.connection, self.node = self.make(node, timeout=10), node
                    break
            except GONE:
                pass
            if stop.is_set() or time.monotonic() > end:
                raise TimeoutError("no node takes a connection")
            time.sleep(0.02)
        return self.connection

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def head_of(node, scope, log):
    """Where a node says that a scope ends; None while it cannot say."""
    cursor = len(log)
    try:
        with Connection(node) as connection:
            answer = pull(connection, scope, cursor, log[-1][1] if log else None, limit=1)
    except GONE:
        return None
    return answer.json["next_cursor"] if answer.status == 200 else None
