"""A throw-away redis-server on a port of its own that keeps nothing, and a Sentinel that watches it."""

import secrets
import socket

from daemon import Daemon, free_port, program


class Redis(Daemon):
    """`url` is where it is: with a password, so that no other user of this machine speaks to it."""

    name = "Redis"
    users = ("redis",)

    def __init__(self, settings=None, follows=None, tls=None, password=None):
        """`tls` is a (certificate, key) that the server may read: then there is a port for TLS, too."""
        program("redis-server")
        super().__init__("mizu-rd-")
        self.password = follows.password if follows else password or secrets.token_hex(12)
        self.port = free_port()
        self.tls, self.tls_port = tls, free_port() if tls else None
        self.follows, self.settings = follows, settings or {}

    def command(self):
        lines = {
            "bind": "127.0.0.1", "port": self.port, "unixsocket": self.folder / "socket",
            "requirepass": self.password, "masterauth": self.password, "save": '""',
            "appendonly": "no", "daemonize": "no", "dir": self.folder, "protected-mode": "yes",
            "repl-diskless-sync": "yes", "repl-diskless-sync-delay": 0, **self.settings}
        if self.tls:
            certificate, key = (self.write(name, open(path).read()) for name, path in zip(
                ("cert.pem", "key.pem"), self.tls))
            lines |= {"tls-port": self.tls_port, "tls-cert-file": certificate, "tls-key-file": key,
                      "tls-ca-cert-file": certificate, "tls-auth-clients": "no"}
        if self.follows:
            lines["replicaof"] = f"127.0.0.1 {self.follows.port}"
        path = self.write("redis.conf", "".join(f"{k} {v}\n" for k, v in lines.items()))
        return [program("redis-server"), path]

    def choose_port(self):
        taken = "ddress already in use" in self.log()
        self.port, self.tls_port = free_port(), free_port() if self.tls else None
        return taken

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    @property
    def url(self):
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    def url_through(self, relay):
        return f"redis://:{self.password}@127.0.0.1:{relay.port}"

    @property
    def tls_url(self):
        return f"rediss://:{self.password}@localhost:{self.tls_port}"

    def ask(self, *words, seconds=60.0):
        """One command on a connection of its own; what it answers, lists included."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection:
            file = connection.makefile("rwb")
            for command in (("AUTH", self.password), words):
                parts = [word if isinstance(word, bytes) else str(word).encode() for word in command]
                file.write(b"*%d\r\n" % len(parts) + b"".join(
                    b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
                file.flush()
                answer = _reply(file)
            return answer

    def flush(self):
        self.ask("FLUSHALL")

    def cut_connections(self):
        """Ends every connection to it, those of subscribers included."""
        for kind in ("normal", "pubsub"):
            self.ask("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


class Sentinel(Redis):
    """A Sentinel that watches one master by the name `mizu`, `beside` another one or alone. Its user
    `asker` may ask it where the master is, and nothing else."""

    name = "Sentinel"

    def __init__(self, master, quorum=1, beside=None, down_after=500):
        """`down_after` is for how many milliseconds a master is silent that is replaced."""
        # They sign in to each other by the same password.
        super().__init__(password=beside and beside.password)
        self.master, self.quorum, self.down_after = master, quorum, down_after

    def command(self):
        path = self.write("sentinel.conf", "\n".join([
            "bind 127.0.0.1", f"port {self.port}", f"dir {self.folder}", "daemonize no",
            f"requirepass {self.password}", f"sentinel sentinel-pass {self.password}",
            f"user asker on >{self.password} +sentinel|get-master-addr-by-name",
            f"sentinel monitor mizu 127.0.0.1 {self.master.port} {self.quorum}",
            f"sentinel auth-pass mizu {self.master.password}",
            f"sentinel down-after-milliseconds mizu {self.down_after}",
            "sentinel failover-timeout mizu 3000", ""]))
        # It writes what it learns into its own file.
        return [program("redis-server"), path, "--sentinel"]

    def master_port(self):
        """Where it says that the master is."""
        return int(self.ask("SENTINEL", "get-master-addr-by-name", "mizu")[1])


def _reply(file):
    line = file.readline()
    if not line:
        raise OSError("redis has closed the connection")
    kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
    if kind == b"-":
        raise OSError(rest)
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else file.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
    assert kind == b"*", line
    return [_reply(file) for _ in range(max(0, int(rest)))]


