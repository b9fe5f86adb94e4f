#!/usr/bin/env python3
"""Runs a command beside a PostgreSQL, a Redis and a PgBouncer of its own, for tests in Swift:

    python3 Tests/Servers/with_servers.py swift test --filter PostgresStoreTests

The command finds them by its environment: MIZU_TEST_POSTGRES (a `postgres://` URL of a superuser who
may create databases, by TCP with a password), MIZU_TEST_POSTGRES_SOCKET (the same by a socket, without),
MIZU_TEST_PGBOUNCER (the same through PgBouncer in transaction mode), MIZU_TEST_POSTGRES_DATA (the
folder of the cluster's data, for pg_ctl) and MIZU_TEST_REDIS (`redis://`). A variable is not set where
its server is not installed: its tests are skipped, and a line on standard error says so. A variable
that is set already is left as it is. The exit code is the command's.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from daemon import Missing  # noqa: E402
from pgbouncer import PgBouncer  # noqa: E402
from postgres import Postgres  # noqa: E402
from redis_server import Redis  # noqa: E402


def main(command):
    if not command:
        print(__doc__, file=sys.stderr)
        return 64
    # `with` ends the servers on the way out, whoever ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    environment = dict(os.environ)

    def tell(name, value):
        environment.setdefault(name, str(value))

    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(Postgres())
            cluster.start()
            tell("MIZU_TEST_POSTGRES", cluster.url())
            tell("MIZU_TEST_POSTGRES_SOCKET", cluster.socket_url())
            tell("MIZU_TEST_POSTGRES_DATA", cluster.data)
            bouncer = stack.enter_context(PgBouncer(cluster))
            bouncer.start()
            tell("MIZU_TEST_PGBOUNCER", bouncer.url("postgres"))
        except Missing as reason:
            print(f"tests of it are skipped: {reason}", file=sys.stderr)
        try:
            redis = stack.enter_context(Redis())
            redis.start()
            tell("MIZU_TEST_REDIS", redis.url)
        except Missing as reason:
            print(f"tests of it are skipped: {reason}", file=sys.stderr)
        child = subprocess.Popen(command, env=environment)
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                pass  # it got the same signal
            except SystemExit:
                child.terminate()
                child.wait()
                raise


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
