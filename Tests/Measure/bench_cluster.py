"""`make bench-cluster`: several nodes of `mizu serve` over one PostgreSQL, beside Redis and without.

PostgreSQL and Redis are throw-away servers (Tests/Servers); PostgreSQL waits for the disk, as in earnest.
Nodes run on one processor, all else on another, but where several nodes are compared: there, what counts
is the processor time of a unit of work, which must not rise with the number of nodes. Measured are pushes
for each second of the node's and of PostgreSQL's processor time, and how many share a commit; one client's
push beside the commit of one row by pgbench on the same cluster; how long a change takes from the answer
on one node to a socket on another; and pulls and told sockets on one, three and five nodes. With --only
many: 95,000 sockets on five nodes, one change told to all of them, once. The table goes to standard
output, to `.build/bench/cluster.txt` and, with every round, to `.build/bench/cluster.json`.
"""

import contextlib
import json
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import children
import load
import servers
from bench import Bench, options_of, parser_of, run
from machine import ROOT, Damaged, Skipped
from sync_load import SCRIPT, Client, settle, wrk
from transactions import ONE_ROW, WRITES_OF_A_PUSH

sys.path += [str(ROOT / "Tests" / "Servers"), str(ROOT / "Tests" / "Process")]
from daemon import Missing, program  # noqa: E402
from postgres import Postgres  # noqa: E402
from redis_server import Redis  # noqa: E402
from wire import TEXT, Connection, WebSocket, dump  # noqa: E402

SECTIONS = ("pushes", "latency", "news", "reads", "sockets")
MORE_SECTIONS = ("many",)
NUMBERS = (("ROUNDS", 3, "interleaved rounds"), ("SECONDS_EACH", 3, "of each measurement"),
           ("SOCKETS", 500, "on each node of `sockets`"),
           ("MANY", 95_000, "sockets on five nodes of `many`"))
SCOPES, NODES = 100, (1, 3, 5)


class Node(servers.Mizu):
    """One `mizu serve` on a shared database."""

    def __init__(self, binary, cpu, url, redis=None):
        self.name, self.url = "mizu", url
        quotas = [word for flag in self.QUOTAS for word in (flag, "off")]
        # No flag may hold a password.
        places = [f"DATABASE_URL={url}", *([f"REDIS_URL={redis.url}"] if redis else [])]
        servers.Server.__init__(
            self, ["env", *places, binary, "serve", "--addr", "127.0.0.1:0", "--workers", 1,
                   "--limit-exempt", "127.0.0.0/8", *quotas], cpu)
        self.http_port = self._port()


class ClusterBench(Bench):
    NAME, SECTIONS = "cluster", (*SECTIONS, *MORE_SECTIONS)
    COLUMNS = ("pgbench", "redis", "notify", "1 node", "3 nodes", "5 nodes")
    SUBJECT = "1 node"
    PROGRAMS = ("wrk", "postgres", "redis-server", "swift")

    def prepare(self, folder):
        # PostgreSQL's data is on the disk of the checkout, if its user comes through to that: a TMPDIR
        # may be memory.
        self.folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=folder))
        self.folder.chmod(0o711)
        self.stack = contextlib.ExitStack()
        try:
            self.postgres = self.stack.enter_context(Postgres(durable=True, parent=self.folder, settings={
                "max_connections": "300", "shared_buffers": "'256MB'", "max_wal_size": "'2GB'"}))
            self.postgres.start()
            self.redis = self.stack.enter_context(Redis())
            self.redis.start()
        except Missing as reason:
            raise SystemExit(f"bench-cluster: {reason}") from reason
        self.report.description["data of PostgreSQL"] = str(self.postgres.folder)
        for daemon in (self.postgres, self.redis):
            # What it starts from now on runs there, too.
            os.sched_setaffinity(daemon.child.pid, {self.load_cpu})

    def end(self):
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        missed = [f"{row.title}, {row.unit}: {text}" for row in self.report.rows
                  for text, met in row.verdicts() if met is False]
        self.report.notes += ["falls short:", *("  " + line for line in missed)] if missed \
            else ["nothing falls short"]

    def row(self, title, unit, promises=(), subject="1 node", digits=0):
        row = self.report.row(title, unit, promises, digits=digits)
        row.subject = subject
        return row

    @contextlib.contextmanager
    def nodes(self, count, redis="redis", pinned=True):
        """So many nodes over a new database."""
        name = self.postgres.create_database("bench")
        with contextlib.ExitStack() as stack:
            found = [stack.enter_context(Node(
                self.binary, self.server_cpu if pinned else None, self.postgres.url(name),
                self.redis if redis == "redis" else None)) for _ in range(count)]
            self.report.command([
                "DATABASE_URL=POSTGRES" if "postgres://" in word
                else "REDIS_URL=REDIS" if "redis://" in word else word
                for word in found[0].command])
            # Two nodes that begin together must have seen each other.
            for node in found:
                with Client(node) as client:
                    client.fill("warm", 10, 10)
            yield found, name
        self.postgres.drop_database(name)

    def commits(self, database):
        return int(self.postgres.sql(
            f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'"))

    # Pushes ---------------------------------------------------------------------------------------

    def pushes(self):
        with self.nodes(1) as ((node,), database):
            for batch, connections in ((1, 1), (1, 16), (1, 64), (1, 256), (100, 64)):
                title = f"push of {batch} over {connections} connections"
                rows = [self.row(title, unit, digits=digits) for unit, digits in (
                    ("per second", 0), ("per CPU s of the node", 0),
                    ("per CPU s of PostgreSQL", 0), ("for each transaction", 2))]
                for number in range(self.options.rounds + 1):
                    try:
                        figures = self.push(node, database, batch, connections)
                    except Skipped as reason:
                        for row in rows:
                            row.give_up("1 node", reason)
                        break
                    if number:  # the first one warms up
                        for row, figure in zip(rows, figures):
                            row.add("1 node", figure)

    def push(self, node, database, batch, connections):
        """Mutations per second, per second of both processor times, and for each transaction."""
        name, seconds = f"r{os.urandom(4).hex()}", self.options.seconds_each
        command = ["taskset", "-c", str(self.load_cpu), "wrk", "-t1", f"-c{connections}",
                   f"-d{seconds}s", "-s", str(SCRIPT), node.http + "_sync/push", "--", "push", name,
                   str(batch), str(SCOPES)]
        self.report.command(" ".join(command).replace(name, "RUN").replace(node.http, "NODE/"))
        before = node.cpu_nanoseconds(), self.postgres.cpu_seconds(), self.commits(database)
        requests, took = wrk(command, seconds)
        settle(node)
        node_seconds = (node.cpu_nanoseconds() - before[0]) / 1e9
        postgres_seconds = self.postgres.cpu_seconds() - before[1]
        # PostgreSQL's own figures come late by up to a second.
        time.sleep(1.2)
        commits = self.commits(database) - before[2]
        with Client(node) as client:
            grown = sum(client.cursor(f"{name}-{scope}") for scope in range(SCOPES))
        if not requests * batch <= grown <= (requests + connections) * batch:
            raise Damaged(f"{requests} pushes of {batch} were answered, the logs have {grown}")
        return grown / took, grown / node_seconds, grown / max(postgres_seconds, 0.01), \
            grown / max(commits, 1)

    # One client's push beside one row's commit ------------------------------------------------------

    def latency(self):
        row = self.row("one client alone: a commit of one row, a push answered, p50", "us",
                       (("<=", 2.0, "pgbench"),))
        writes = self.row("one client alone: what a push writes, in one transaction, p50", "us")
        with self.nodes(1) as ((node,), database):
            self.postgres.sql("CREATE TABLE one (k bigserial PRIMARY KEY, v bytea)", database)
            self.postgres.sql("INSERT INTO mizu_scope(name) VALUES ('pgbench')", database)
            for _ in range(self.options.rounds):
                row.add("pgbench", self.by_pgbench(ONE_ROW, database))
                writes.add("pgbench", self.by_pgbench(WRITES_OF_A_PUSH, database))
                row.add("1 node", self.alone(node)["latency_p50_us"])

    def by_pgbench(self, statements, database):
        """Median microseconds of a transaction, by pgbench over the same way as a node's."""
        script = self.folder / "pgbench.sql"
        script.write_text(statements)
        prefix = self.folder / f"log-{os.urandom(3).hex()}"
        command = ["taskset", "-c", str(self.load_cpu), program("pgbench"), "-n", "-c1", "-j1",
                   "-M", "prepared", "-T", str(self.options.seconds_each), "-f", str(script), "-l",
                   f"--log-prefix={prefix}", self.postgres.url(database)]
        self.report.command([*command[:-1], "POSTGRES"])
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=self.options.seconds_each + 60)
        if done.returncode != 0:
            raise Skipped(f"pgbench: {done.stderr.strip()[-300:]}")
        lines = [line for path in self.folder.glob(f"{prefix.name}*")
                 for line in path.read_text().splitlines()]
        return statistics.median(int(line.split()[2]) for line in lines)

    def alone(self, node):
        command = ["taskset", "-c", str(self.load_cpu), str(self.binary), "bench", "sync", node.http,
                   "-c", "1", "--threads", "1", "--batch", "1", "--pullers", "1", "--listeners", "1",
                   "-d", str(self.options.seconds_each), "--json"]
        self.report.command(command)
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=self.options.seconds_each + 60)
        if done.returncode != 0:
            raise Damaged(f"mizu bench sync: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout)

    # News -------------------------------------------------------------------------------------------

    def news(self):
        after = self.row("answer of a push on node A to its delta on node B, p50", "us",
                         (("<=", 3000, None),), "redis")
        whole = self.row("a push on node A sent to its delta on node B, p50", "us")
        notify = self.row("the same by NOTIFY: answer to delta, p50", "us", (("<=", 10000, None),),
                          "notify")
        for carrier in ("redis", "notify"):
            with self.nodes(2, carrier) as ((one, other), _):
                for _ in range(self.options.rounds):
                    try:
                        answered, sent = self.told(one, other)
                    except (Skipped, TimeoutError) as reason:
                        for row in (after, whole, notify):
                            row.give_up(carrier, reason if isinstance(reason, Skipped) else
                                        Damaged("no delta came"))
                        break
                    (after if carrier == "redis" else notify).add(carrier, answered)
                    whole.add(carrier, sent)

    def told(self, one, other, count=200):
        """Median microseconds from the answer, and from the request, to the delta on the other."""
        from_answer, from_request = [], []
        scope = f"news-{os.urandom(4).hex()}"
        with Connection(one.address) as pusher, WebSocket(other.address) as socket:
            socket.ask({"type": "subscribe", "ref": "s", "topic": f"sync:{scope}", "cursor": 0})
            for number in range(count):
                name = f"{scope}-{number}"
                sent = time.monotonic()
                answered = heard = None
                self.start_push(pusher, scope, name)
                while answered is None or heard is None:
                    ready = select.select([pusher.socket, socket.socket], [], [], 10)[0]
                    now = time.monotonic()
                    if not ready:
                        raise TimeoutError(name)
                    if pusher.socket in ready:
                        answer, answered = pusher.response("POST"), now
                        if answer.status != 200 or not answer.json["results"][0]["ok"]:
                            raise Damaged(f"a push: {answer}")
                    if socket.socket in ready:
                        opcode, payload = socket.receive()
                        if opcode == TEXT and name.encode() in payload:
                            heard = now
                from_answer.append((heard - answered) * 1e6)
                from_request.append((heard - sent) * 1e6)
                time.sleep(0.002)
        return max(statistics.median(from_answer), 0), statistics.median(from_request)

    @staticmethod
    def start_push(connection, scope, name):
        body = dump({"scope": scope, "client": "news", "mutations": [
            {"id": name, "name": "todo.create", "args": {"id": name, "title": "news"}}]})
        connection.send(
            f"POST /_sync/push HTTP/1.1\r\nHost: {connection.authority}\r\nContent-Type: "
            f"application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    # From one node to five --------------------------------------------------------------------------

    def reads(self):
        """CPU of one pull with nothing new, and of the last ten changes, all nodes at once. Changes of
        a scope that sockets follow come to a node by news; those of one that none follows it reads
        once: the page stays in memory."""
        promise = (("<=", 1.11, "1 node"),)
        rows = {kind: [self.row(f"pull, {kind}", unit, promises, "5 nodes", 2) for unit, promises in (
            ("us of nodes' CPU", promise if kind != "unfollowed" else ()),
            ("us of PostgreSQL's CPU", ()))]
            for kind in ("nothing new", "the last ten", "unfollowed")}
        for count in NODES:
            with self.nodes(count, pinned=False) as (nodes, _), contextlib.ExitStack() as stack:
                followers = [stack.enter_context(WebSocket(node.address)) for node in nodes]
                for socket in followers:
                    socket.ask({"type": "subscribe", "ref": "s", "topic": "sync:read", "cursor": 0})
                with Client(nodes[0]) as client:
                    cursor, epoch = client.fill("read", 1000)
                    client.fill("unfollowed", 1000)
                for socket in followers:
                    socket.receive_until(lambda m: m["payload"]["cursor"] >= cursor, 60)
                for kind, back in (("nothing new", 0), ("the last ten", 10), ("unfollowed", 10)):
                    body = {"scope": "unfollowed" if kind == "unfollowed" else "read",
                            "cursor": cursor - back, "epoch": epoch, "limit": 100}
                    for _ in range(self.options.rounds):
                        figures = self.pull_all(nodes, body, back)
                        for row, figure in zip(rows[kind], figures):
                            row.add(self.column(count), figure)

    @staticmethod
    def column(count):
        return "1 node" if count == 1 else f"{count} nodes"

    def pull_all(self, nodes, body, wanted):
        path = self.folder / f"body-{os.urandom(3).hex()}.json"
        path.write_text(json.dumps(body))
        for node in nodes:
            with Client(node) as client:
                found = client.post("/_sync/pull", body)["changes"]
                if len(found) != wanted:
                    raise Damaged(f"{len(found)} changes where {wanted} were expected")
        before = sum(node.cpu_nanoseconds() for node in nodes), self.postgres.cpu_seconds()
        seconds = self.options.seconds_each
        running = [subprocess.Popen(
            ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(SCRIPT), node.http + "_sync/pull", "--",
             "post", str(path)], stdout=subprocess.PIPE, text=True) for node in nodes]

        requests = 0
        for child in running:
            requests += load.parse_wrk(child.communicate(timeout=seconds + 60)[0])[0]
        busy = (sum(node.cpu_nanoseconds() for node in nodes) - before[0]) / 1e3
        return busy / requests, (self.postgres.cpu_seconds() - before[1]) * 1e6 / requests

    def sockets(self):
        promise = (("<=", 1.11, "1 node"),)
        row = self.row(f"a change told to {self.options.sockets} sockets on each node",
                       "us of nodes' CPU a socket", promise, "5 nodes", 3)
        for count in NODES:
            with self.nodes(count, pinned=False) as (nodes, _):
                for figure in self.tell(nodes, self.options.sockets, 50 * self.options.rounds)[0]:
                    row.add(self.column(count), figure)

    def tell(self, nodes, each, changes):
        """Microseconds of nodes' CPU for each told socket, over rounds of 50 changes; and for each
        change how long it took from its push to the last socket."""
        with contextlib.ExitStack() as stack:
            crowds, network = [], 0
            for node in nodes:
                left = each
                while left > 0:
                    network += 1
                    crowds.append(stack.enter_context(Followers(
                        node.http_port, min(left, 9_500), network, "told")))
                    left -= 9_500
            opened = sum(crowd.answer()["opened"] for crowd in crowds)
            figures, times = [], []
            with Client(nodes[0]) as client:
                cursor = client.cursor("told")
                for round_ in range(max(1, changes // 50)):
                    before = sum(node.cpu_nanoseconds() for node in nodes)
                    for _ in range(min(50, changes)):
                        cursor += 1
                        for crowd in crowds:
                            crowd.tell(f"hear {cursor}")
                        began = time.monotonic()
                        client.fill("told", 1, 1)
                        answers = [crowd.answer() for crowd in crowds]
                        told = sum(answer["told"] for answer in answers)
                        if told != opened or any(answer["twice"] for answer in answers):
                            raise Damaged(f"{told} of {opened} were told, "
                                          f"{sum(answer['twice'] for answer in answers)} twice")
                        times.append(max(answer["last"] for answer in answers) - began)
                    busy = sum(node.cpu_nanoseconds() for node in nodes) - before
                    figures.append(busy / 1e3 / opened / min(50, changes))
        return figures, times

    def many(self):
        """One change to all sockets of five nodes."""
        count = self.options.many // 5
        row = self.row(f"a change told to {count * 5:,} sockets on five nodes", "ms to the last",
                       (), "5 nodes")
        memory = self.row("the same: anonymous memory of the nodes for each socket", "bytes", (),
                          "5 nodes")
        with self.nodes(5, pinned=False) as (nodes, _):
            _, times = self.tell(nodes, count, 5)
            for figure in times:
                row.add("5 nodes", figure * 1000)
            memory.add("5 nodes", sum(node.memory()[1] for node in nodes) / (count * 5))


class Followers(children.Child):
    """A process of cluster_clients.py."""

    def __init__(self, port, count, network, scope):
        self.role = "followers"
        program_ = Path(__file__).with_name("cluster_clients.py")
        self.command = [sys.executable, "-B", str(program_), str(port), str(count), str(network), scope]
        self.child = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


if __name__ == "__main__":
    sys.exit(run(ClusterBench, options_of(
        parser_of(__doc__, (*SECTIONS, *MORE_SECTIONS), NUMBERS, "mizu", "MIZU_BIN"),
        SECTIONS, NUMBERS, MORE_SECTIONS)))
