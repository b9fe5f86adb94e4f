"""A package of our own and `mizu dev` in it, with a `swift` that builds by linking a program.

A real build takes minutes; what is tested here is what happens around it. The `swift` found first in
PATH describes the package, fails where the source says BROKEN, makes nothing where it says KEPT, and
else puts a link to the program with a time of its own into .build/debug. It may be ended at any step, so it
keeps no notes: which of the two links comes next is told by the one that is there.
"""

import json
import os
import shutil
import threading
from pathlib import Path

from server import MIZU, Process, wait_until

SWIFT = """#!/bin/sh
case "$1" in
package)
    echo '{"name":"app","products":[{"name":"app","targets":["App"],"type":{"executable":null}}],'
    echo '"targets":[{"name":"App","path":"Sources/App","type":"executable"}]}'
    ;;
build)
    echo build >>builds.log
    if grep -q SLOW Sources/App/main.swift; then sleep 120; fi
    if grep -q BROKEN Sources/App/main.swift; then
        echo "[1/2] Compiling App main.swift"
        echo "$PWD/Sources/App/main.swift:1:4: error: this is broken"
        echo '1 | // BROKEN'
        exit 1
    fi
    if grep -q KEPT Sources/App/main.swift; then exit 0; fi
    mkdir -p .build/debug
    from=program.a
    if [ .build/debug/app -ef program.a ]; then from=program.b; fi
    ln "$from" .build/debug/new.$$ && touch .build/debug/new.$$ &&
        mv -f .build/debug/new.$$ .build/debug/app
    if grep -q LATE Sources/App/main.swift; then echo made >>builds.log; sleep 120; fi
    ;;
esac
"""


class Dev(Process):
    """`mizu dev --json` in a package below `folder`; `events` are what it said so far."""

    def __init__(self, folder, program=MIZU, arguments=("serve",), env=None, flags=("--json",),
                 **options):
        self.package = Path(folder) / "app"
        self.package.mkdir(exist_ok=True)
        tools = Path(folder) / "tools"
        tools.mkdir(exist_ok=True)
        (tools / "swift").write_text(SWIFT)
        (tools / "swift").chmod(0o755)
        self.source = self.package / "Sources/App/main.swift"
        self.source.parent.mkdir(parents=True, exist_ok=True)
        if not self.source.exists():
            self.source.write_text("// 0\n")
        (self.package / "Package.swift").write_text("// a package\n")
        self.use(program)
        settings = {
            "PATH": f"{tools}:{os.environ.get('PATH', '')}", "ADDR": "127.0.0.1:0",
            "DATABASE_URL": "sqlite:mizu.db", "SWIFT_BACKTRACE": "enable=no",
        }
        settings.update(env or {})
        super().__init__(
            [MIZU, "dev", *flags, "--", *arguments], settings, self.package, **options)

    def use(self, program):
        """From now on builds make `program`."""
        for name in ("program.a", "program.b"):
            path = self.package / name
            shutil.copy(program, path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)

    def change(self, text):
        """Saves the source, as an editor does: a new file in the old one's place."""
        path = self.source.with_suffix(".swift~")
        path.write_text(f"// {text}\n")
        path.rename(self.source)

    @property
    def events(self):
        return [json.loads(line) for line in self.lines]

    def count(self, name):
        return sum(f'"event":"{name}"' in line for line in list(self.lines))

    def wait_event(self, name, times=1, seconds=120.0):
        """The event, once it has come so often; fails where we have ended before."""
        def found():
            if self.count(name) >= times:
                return True
            assert self.child.poll() is None, f"ended without {name}: {self.lines} {self.errors}"
            return False
        wait_until(
            found, seconds,
            lambda: f"{times} {name} (have {self.lines[-3:]}, {self.errors[-500:]})")
        return [event for event in self.events if event["event"] == name][times - 1]

    @property
    def authority(self):
        """host:port, as the event `listening` tells it."""
        return self.wait_event("listening")["urls"][0].removeprefix("http://")

    @property
    def host(self):
        return self.authority.rpartition(":")[0]

    @property
    def port(self):
        return int(self.authority.rpartition(":")[2])

    def ready(self, times=1):
        """Waits until a process serves for the `times`-th time; its event."""
        return self.wait_event("ready", times)


class Load(threading.Thread):
    """One client that keeps its connection as long as it may and asks again and again.

    Whatever is not a whole answer of status 200 on a connection that the server had promised to keep
    is written down in `failures`.
    """

    REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def __init__(self, host, port, connect):
        super().__init__(daemon=True)
        self.address, self.connect = (host, port), connect
        self.failures, self.answers, self.stopping = [], 0, False

    def run(self):
        peer = None
        while not self.stopping:
            try:
                if peer is None:
                    peer = self.connect(self.address, timeout=60)
                peer.sendall(self.REQUEST)
                if not self.answered(peer):
                    peer.close()
                    peer = None
            except OSError as error:
                self.failures.append(repr(error))
                peer = None
        if peer:
            peer.close()

    def answered(self, peer):
        """Reads an answer; whether the connection stays."""
        data = b""
        while b"\r\n\r\nok" not in data:
            part = peer.recv(4096)
            if not part:
                raise ConnectionError(f"the end after {data!r}")
            data += part
        if not data.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"{data[:40]!r}")
        self.answers += 1
        return b"connection: close" not in data.lower()
