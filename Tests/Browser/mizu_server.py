"""The server under test: one process of `$MIZU_BIN serve` (or another app) with its own database.

It can be killed, frozen and started again on the same port, as the machine under an app may be.
Every wait is bounded and waits for a condition; nothing sleeps for luck.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

START_SECONDS = 60


class Server:
    def __init__(self, directory: Path, settings: dict | None = None,
                 command: tuple[str, ...] | None = None):
        self.directory = directory
        self.command = command or (os.environ["MIZU_BIN"], "serve")
        self.settings = settings or {}
        self.url = ""
        self._address = "127.0.0.1:0"
        self._process: subprocess.Popen | None = None
        self._frozen = False

    def start(self) -> None:
        """Starts the binary and waits for its line; a restart takes the port it had before."""
        environment = {
            **os.environ,
            "ADDR": self._address,
            "DATABASE_URL": f"sqlite:{self.directory / 'mizu.db'}",
            **self.settings,
        }
        self._log = open(self.directory / "server.log", "ab")
        self._process = subprocess.Popen(
            self.command,
            cwd=self.directory, env=environment, stdout=subprocess.PIPE, stderr=self._log,
        )
        self.url = self._listening_url() + "/"
        if self.url.startswith("http://"):
            self._address = self.url.removeprefix("http://").rstrip("/")

    def kill(self) -> None:
        """kill -9: whatever was acknowledged must be durable by now."""
        self.thaw()
        if self._process and self._process.poll() is None:
            self._process.kill()
        if self._process:
            self._process.wait(timeout=60)
            self._process.stdout.close()
            self._log.close()
        self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """The process stays, its sockets stay, and it says nothing any more."""
        self._process.send_signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen and self._process:
            self._process.send_signal(signal.SIGCONT)
        self._frozen = False

    def todos(self) -> list[dict]:
        """The truth, as a client that only reads sees it."""
        snapshot = self.post("/_sync/snapshot", {"limit": 1000})
        return [record["data"] for record in snapshot["records"]]

    def titles(self) -> list[str]:
        return sorted(todo["title"] for todo in self.todos())

    def push(self, *mutations: dict) -> list[dict]:
        """Pushes as an anonymous program would."""
        return self.post("/_sync/push", {"mutations": list(mutations)})["results"]

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.url.rstrip("/") + path, data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"}, method="POST",
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def _listening_url(self) -> str:
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            for line in self._process.stdout:
                lines.put(line.decode())
            lines.put("")

        threading.Thread(target=read, daemon=True).start()
        line = lines.get(timeout=START_SECONDS)
        if "TLS_ADDR" in self.settings and line:
            # The plain address comes first, and sends everybody to this one.
            line = lines.get(timeout=START_SECONDS)
        if not line.startswith("listening on "):
            log = (self.directory / "server.log").read_text(errors="replace")
            raise RuntimeError(f"the server did not start: {line!r}\n{log[-4000:]}")
        return line.removeprefix("listening on ").strip()
