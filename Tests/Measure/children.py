"""The programs of clients.py as children of the bench: started, asked by the line, ended by id."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from machine import Skipped

CLIENTS = Path(__file__).with_name("clients.py")
ANSWER_SECONDS = 120.0


class Child:
    """One of them; `cpus` (None: any) is where it may run."""

    def __init__(self, role, *arguments, cpus=None):
        self.role = role
        where = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
        self.command = [*where, sys.executable, "-B", str(CLIENTS), role, *map(str, arguments)]
        self.child = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def tell(self, line):
        """Sends a line; `answer` reads what comes back."""
        try:
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()
        except OSError as error:
            raise Skipped(self.last_words()) from error

    def answer(self):
        if not select.select([self.child.stdout], [], [], ANSWER_SECONDS)[0]:
            raise Skipped(f"the {self.role} gave no answer within {ANSWER_SECONDS:.0f} s")
        line = self.child.stdout.readline()
        if not line:
            raise Skipped(self.last_words())
        return json.loads(line)

    def last_words(self):
        self.kill()
        words = self.child.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return f"the {self.role} ended: {words[-1] if words else 'it said nothing'}"

    def kill(self):
        """Ends it; all its connections are closed by the kernel, one right after the other."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(60)
        for stream in (self.child.stdin, self.child.stdout):
            try:
                stream.close()
            except OSError:
                pass


def kill_all(children):
    """Ends all of them at once, and returns when all are gone. Their last work, which is to close
    what they have open, gives way to everybody else's."""
    for child in children:
        os.setpriority(os.PRIO_PROCESS, child.child.pid, 19)
    for child in children:
        if child.child.poll() is None:
            child.child.kill()
    for child in children:
        child.kill()
