"""What a test's server keeps its data in: SQLite, memory or PostgreSQL, from one parametrised source.

A test (or a module, by `pytestmark`) that must hold on every store is marked `stores()`; it then runs once
for each. `stores("sqlite", "postgres")` names those where it makes sense (memory keeps nothing over a
restart), and `soak=("memory", "postgres")` those that only the long form (MIZU_STORES=all) adds. A test
without the mark runs on SQLite. PostgreSQL is one throw-away cluster for the whole run (Tests/Servers),
and a new database in it for each server's place; without it, those tests are skipped with the reason.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "Servers"))

from daemon import Missing  # noqa: E402
from pgbouncer import PgBouncer  # noqa: E402
from postgres import Postgres  # noqa: E402

# In the last one a server reaches PostgreSQL through PgBouncer, which lends it connections for a
# transaction: for the long form.
KINDS = ("sqlite", "memory", "postgres", "pgbouncer")
IS_LONG = os.environ.get("MIZU_STORES") == "all"


def kinds_of(mark):
    """The stores that a test with this mark runs on."""
    kinds = mark.args or KINDS[:3]
    more = mark.kwargs.get("soak", () if mark.args else ("pgbouncer",)) if IS_LONG else ()
    unknown = set((*kinds, *more)) - set(KINDS)
    assert not unknown, f"no such store: {unknown}"
    return [kind for kind in KINDS if kind in kinds or kind in more]


class Store:
    """One kind. `new_url()` is DATABASE_URL for a place that nobody has used."""

    def __init__(self, kind, cluster=None, bouncer=None):
        self.kind, self.cluster, self.bouncer = kind, cluster, bouncer
        self.databases = []

    @property
    def keeps(self):
        """Whether what was written is there after a restart."""
        return self.kind != "memory"

    def new_url(self):
        if self.kind == "memory":
            return "memory:"
        if self.kind == "sqlite":
            return "sqlite:mizu.db"  # in the server's folder
        self.databases.append(self.cluster.create_database())
        return (self.bouncer or self.cluster).url(self.databases[-1])

    def drop(self):
        """Removes what was made; the servers on it must have ended."""
        for name in self.databases:
            self.cluster.drop_database(name)
        self.databases = []


def start_cluster(**options):
    """A running PostgreSQL that this build of `mizu` can use; skips the test otherwise."""
    from server import MIZU

    try:
        cluster = Postgres(**options).start()
    except Missing as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    refusal = _refusal(MIZU)
    if refusal:
        cluster.close()
        pytest.skip(f"this build has no PostgreSQL: {refusal}")
    return cluster


def start_bouncer(cluster):
    try:
        return PgBouncer(cluster, pool=12).start()
    except Missing as reason:
        pytest.skip(f"no PgBouncer: {reason}")


def _refusal(binary):
    """What a build without libpq says of a `postgres://` URL; None of one that tries to connect."""
    try:
        done = subprocess.run(
            [binary, "serve", "--addr", "127.0.0.1:0", "--database-url", "postgres://127.0.0.1:1/x"],
            capture_output=True, text=True, timeout=60, env={"PATH": os.environ.get("PATH", "")})
    except subprocess.TimeoutExpired:
        return None  # it tries again and again
    said = (done.stderr.strip().splitlines() or [""])[-1]
    return said if "write sqlite:" in said or "without PostgreSQL" in said else None
