"""Ways between machines are cut without a word: packets are dropped and no kernel says so (netns.py). Nodes,
PostgreSQL, Redis and clients have a kernel each; ways between them are cut, slow and lose packets, and are
whole again. Nothing acknowledged is lost or doubled, and clients come to the log's end soon after the
repair. A node that does not reach PostgreSQL says so, and goes on answering what it can.

MIZU_CLUSTER_SECONDS (8) is how long the rounds last, MIZU_SEED (1) chooses them. With 60 seconds and more
ways are cut for up to three quarters of a minute.
"""

import time

import pytest

import stores
from cluster import GONE, Cluster
from daemon import Missing
from netns import Network
from postgres import ACCESS
from redis_server import Redis
from server import wait_until
from sync import create, new_scope, pull, pull_all, push_one
from test_cluster import SCOPES, SECONDS, SEED, Rounds
from test_protocol_ws import subscribe
from wire import Connection, WebSocket, fetch, post

NODES = ("node-0", "node-1")
ENDS = ("postgres", "redis", "clients")
LONG = SECONDS >= 60
LONGEST = 45 if LONG else 4
# The other carrier and the long cuts are for the soak.
NEWS = ["redis", "postgres"] if LONG else ["redis"]
# What a node's own patience comes to (many-machines.md), and half a minute for a busy machine.
SAYS_SO_SECONDS = 17 + 30
CONVERGE_SECONDS = 15 + 30
# A node with all that it holds, in bytes.
MEMORY_MAX = 512 << 20


@pytest.fixture
def network():
    """The test itself is on the clients' machine."""
    try:
        network = Network("clients", "postgres", "redis", *NODES, seed=SEED)
    except Missing as reason:
        pytest.skip(str(reason))
    with network, network.inside("clients"):
        yield network


@pytest.fixture
def postgres(network):
    with network.inside("postgres"):
        cluster = stores.start_cluster(
            settings={"listen_addresses": "'*'", "hba_file": "'access'"},
            files={"access": ACCESS + "host all all 10.77.0.0/16 scram-sha-256\n"})
    yield cluster
    cluster.close()


@pytest.fixture
def redis(network):
    try:
        redis = Redis({"bind": f"127.0.0.1 {network.address('redis')}"})
    except Missing as reason:
        pytest.skip(f"no Redis: {reason}")
    with redis:
        with network.inside("redis"):
            redis.start()
        yield redis


class FarCluster(Cluster):
    """Each node on a machine of its own."""

    def __init__(self, folder, network, postgres, redis):
        def there(url, name):
            return url.replace("127.0.0.1", network.address(name))

        self.network, self.postgres = network, postgres
        super().__init__(
            folder, there(postgres.url(postgres.create_database()), "postgres"), count=len(NODES),
            env={"LIMIT_EXEMPT": "10.77.0.0/16"} | (
                {"REDIS_URL": there(redis.url, "redis")} if redis else {}),
            envs={index: {"ADDR": f"{network.address(name)}:0"} for index, name in enumerate(NODES)})

    def start_node(self, index, wait=True):
        with self.network.inside(NODES[index]):
            return super().start_node(index, wait)

    def backends(self, index):
        """PostgreSQL's processes for a node."""
        return set(self.postgres.sql(
            "SELECT pid FROM pg_stat_activity WHERE client_addr = "
            f"'{self.network.address(NODES[index])}'").split())


def memory(node):
    with open(f"/proc/{node.child.pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def is_ready(node):
    return fetch(node, "GET", "/readyz").status == 200


class Watch:
    """Asks all nodes for what no store is needed for, and remembers the slowest answer."""

    def __init__(self, cluster):
        self.cluster, self.slowest = cluster, 0.0

    def look(self):
        for node in self.cluster.nodes:
            for path in ("/healthz", "/static/css/app.css"):
                began = time.monotonic()
                assert fetch(node, "GET", path).status == 200
                self.slowest = max(self.slowest, time.monotonic() - began)


def pushes(node, scope):
    """Whether a push is decided; a node that cannot says so."""
    answer = post(node, "/_sync/push", {"scope": scope, "mutations": [create()]})
    assert answer.status in (200, 503), answer
    return answer.status == 200 and answer.json["results"][0].get("ok", False)


@pytest.mark.parametrize("news", NEWS)
def test_a_node_that_is_cut_off_says_so_and_comes_back(tmp_path, network, postgres, request, news):
    redis = request.getfixturevalue("redis") if news == "redis" else None
    with FarCluster(tmp_path, network, postgres, redis).start() as cluster:
        (behind, beside), scope = cluster.nodes, new_scope()
        assert push_one(behind, scope, create())["ok"]
        with WebSocket(behind, timeout=CONVERGE_SECONDS) as ws:
            subscribe(ws, scope)
            watch, backends = Watch(cluster), cluster.backends(0)
            network.cut("node-0", "postgres")
            network.cut("node-0", "redis")
            cut = time.monotonic()

            def says_so():
                watch.look()
                time.sleep(0.05)  # not to pass: the machine is others' as well
                return not is_ready(behind)

            wait_until(says_so, SAYS_SO_SECONDS, "/readyz of a node that is cut off")
            said = time.monotonic() - cut
            wait_until(lambda: is_ready(beside), 60, "/readyz of the other node")
            wait_until(lambda: pushes(beside, scope), 60, "a push at the other node")
            end = pull_all(beside, scope)[1]
            network.heal()
            repaired = time.monotonic()
            # Of the socket that has stood all the time.
            ws.receive_until(
                lambda m: m["type"] == "sync" and m["payload"]["cursor"] >= end, CONVERGE_SECONDS)
            told = time.monotonic() - repaired
            wait_until(lambda: is_ready(behind), CONVERGE_SECONDS, "/readyz after the repair")
            wait_until(lambda: pushes(behind, scope), CONVERGE_SECONDS, "a push after the repair")
            pushed = time.monotonic() - repaired
            wait_until(lambda: pull(behind, scope, 0, None).status == 200, CONVERGE_SECONDS, "a pull")
            assert pull_all(behind, scope)[0] == pull_all(beside, scope)[0]
        print(f"{news}: /readyz says so after {said:.1f} s, slowest file {watch.slowest:.3f} s; after "
              f"the repair a socket is told in {told:.1f} s, a push is taken in {pushed:.1f} s")
        # What the node has given up PostgreSQL gives up, too: else its places run out.
        wait_until(lambda: not backends & cluster.backends(0), 90,
                   lambda: f"the end of {backends & cluster.backends(0)} of {cluster.backends(0)}")
        for node in cluster.nodes:
            node.stop()


class Partitions(Rounds):
    """The same load and judge; how long each repair took to be felt is measured."""

    def __init__(self, cluster, network, seed):
        super().__init__(cluster, {}, seed)
        self.network, self.felt = network, []
        ends = [end for end in ENDS if end != "redis" or "REDIS_URL" in cluster.env]
        for end in ends:
            self.faults[f"{end}: cut"] = lambda end=end: self.during(network.cut, end, LONGEST)
        self.faults["slow"] = lambda: self.during(
            network.slow, self.rng.choice(ends), min(LONGEST, 10))

    def during(self, begin, end, longest):
        """The way between one node and that end is not what it was, for a while."""
        name, seconds = self.rng.choice(NODES), self.rng.uniform(0.3, longest)
        begin(name, end)
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            for node in self.cluster.nodes:
                assert memory(node) < MEMORY_MAX
            time.sleep(0.1)  # not to pass: how long it lasts is what is tried
        shown = self.shown()
        self.network.heal()
        repaired = time.monotonic()

        def is_felt():
            return all(f.failure or f.cursor >= shown[f.scope] for f in self.followers)

        wait_until(is_felt, CONVERGE_SECONDS, lambda: f"{self.places(shown)}, seed {self.seed}")
        caught_up = time.monotonic() - repaired
        for node in self.cluster.nodes:
            wait_until(lambda: self.takes_pushes(node), CONVERGE_SECONDS, "a push after the repair")
        self.felt.append(f"{begin.__name__} {name} {end} {seconds:.1f}: {caught_up:.2f}, "
                         f"{time.monotonic() - repaired:.2f}")

    def takes_pushes(self, node):
        try:
            with Connection(node, timeout=20) as connection:
                return all(pushes(connection, f"probe-{number}") for number in range(8))
        except GONE:
            return False

    def shown(self):
        """How far each scope has been shown to anybody."""
        with self.history._lock:
            shown = list(self.history.shown)
        found = dict.fromkeys(SCOPES, 0)
        for one in shown:
            found[one.scope] = max(found[one.scope], one.cursor)
        return found

    def run(self, seconds):
        found = super().run(seconds)
        print("for how long; after the repair sockets have all, and nodes take pushes (s):", self.felt)
        return found


@pytest.mark.parametrize("news", NEWS)
def test_ways_are_cut_and_slow_and_nothing_is_lost(tmp_path, network, postgres, request, news):
    redis = request.getfixturevalue("redis") if news == "redis" else None
    with FarCluster(tmp_path, network, postgres, redis).start() as cluster:
        Partitions(cluster, network, SEED).judge(SECONDS if LONG else SECONDS / 2)
