"""A throw-away PostgreSQL cluster: `initdb` once for a process, a copy of it for each cluster, a
database for each test.

Connections by TCP need a password (other users of this machine must not become its superuser); the
socket in the cluster's own folder needs none. A cluster that is not `durable` does not wait for the
disk: it survives the end of its processes, not that of the machine. `standby()` makes a copy that
follows, synchronously if wanted, and that `promote()` turns into the primary.
"""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.parse

from daemon import Daemon, _as, free_port, make_folder, program, unprivileged

SUPERUSER = "mizu_test"
SETTINGS = {
    "listen_addresses": "'127.0.0.1'", "max_connections": "100", "shared_buffers": "'32MB'",
    "log_min_messages": "warning", "log_line_prefix": "'%m [%p] '", "timezone": "'UTC'",
    "wal_level": "replica", "max_wal_senders": "8", "wal_keep_size": "'128MB'", "hot_standby": "on",
    "max_wal_size": "'512MB'", "password_encryption": "'scram-sha-256'",
    # A standby finds a primary again that was restarted, and soon.
    "wal_retrieve_retry_interval": "'200ms'",
    # A backend that crashes is a test's own doing; the others go on after a restart, at once.
    "restart_after_crash": "on", "logging_collector": "off",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
# By TCP with a password, replication included.
ACCESS = """
local all         all                 trust
local replication all                 trust
host  all         all 127.0.0.1/32    scram-sha-256
host  replication all 127.0.0.1/32    scram-sha-256
"""


class _Template:
    """What `initdb` made, once for this process; copied for each cluster."""

    folder = None

    @classmethod
    def data(cls, password):
        if cls.folder is None:
            user = unprivileged("postgres")
            cls.folder = make_folder("mizu-pgt-", user)
            atexit.register(shutil.rmtree, cls.folder, True)
            secret = cls.folder / "password"
            secret.write_text(password)
            if user is not None:
                os.chown(secret, user.pw_uid, user.pw_gid)
            done = subprocess.run(
                [program("initdb"), "--pgdata", cls.folder / "data", "--username", SUPERUSER,
                 "--pwfile", secret, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                 "--no-sync", "--no-instructions"],
                capture_output=True, text=True, cwd=cls.folder, timeout=120, **_as(user))
            assert done.returncode == 0, f"initdb: {done.stdout}{done.stderr}"
        return cls.folder / "data"


PASSWORD = secrets.token_hex(12)


class Postgres(Daemon):
    """One cluster on a port of its own. `url(database)` is where it is, `socket_url` without TCP."""

    name = "PostgreSQL"
    users = ("postgres",)

    def __init__(self, durable=False, settings=None, follows=None, parent=None, files=None):
        """`parent` is where its folder is made, if its user can reach that; `files` are texts by name
        that are written there, for settings that name them."""
        program("postgres")
        super().__init__("mizu-pg-", parent)
        self.files = files or {}
        for name, text in self.files.items():
            self.write(name, text)
        self.port, self.durable = free_port(), durable
        self.data = self.folder / "data"
        self.settings = {**SETTINGS, **({} if durable else FORGETFUL), **(settings or {})}
        if follows is None:
            self.run("cp", "-a", _Template.data(PASSWORD), self.data)
        else:
            self._copy(follows)

    def _copy(self, primary):
        """Its data becomes a copy of the primary's, which follows it once it is started."""
        self.run(program("pg_basebackup"), "--pgdata", self.data, "--write-recovery-conf",
                 "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--dbname",
                 primary.conninfo("postgres", self.follower_name()))

    def follower_name(self):
        """What a primary knows this standby by."""
        return f"standby_{self.port}"

    def command(self):
        (self.data / "pg_hba.conf").write_text(ACCESS)
        (self.data / "mizu.conf").write_text("".join(
            f"{name} = {value}\n" for name, value in self.settings.items())
            + f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")
        main = self.data / "postgresql.conf"
        if "include 'mizu.conf'" not in main.read_text():
            with open(main, "a") as file:
                file.write("\ninclude 'mizu.conf'\n")
        return [program("postgres"), "-D", self.data]

    def choose_port(self):
        taken = "could not bind" in self.log() or "Address already in use" in self.log()
        self.port = free_port()
        return taken

    def answers(self):
        return subprocess.run(
            [program("pg_isready"), "-q", "-h", self.folder, "-p", str(self.port), "-t", "3"],
            capture_output=True).returncode == 0

    # --- where it is ------------------------------------------------------------------------------

    def url(self, database="postgres", through=None, **parameters):
        """By TCP, with the password; `through` a relay."""
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        port = through.port if through else self.port
        return f"postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{port}/{database}{query}"

    def socket_url(self, database="postgres"):
        folder = urllib.parse.quote(str(self.folder), safe="")
        return f"postgres://{SUPERUSER}@/{database}?host={folder}&port={self.port}"

    def conninfo(self, database="postgres", application=None):
        name = f" application_name={application}" if application else ""
        return (f"host=127.0.0.1 port={self.port} user={SUPERUSER} password={PASSWORD} "
                f"dbname={database}{name}")

    def sql(self, text, database="postgres"):
        """Statements by psql, each its own transaction; returns the rows without a frame."""
        done = subprocess.run(
            [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p",
             str(self.port), "-U", SUPERUSER, "-d", database, "-c", text],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}: {done.stderr}"
        return done.stdout.strip()

    def create_database(self, prefix="t"):
        """A new, empty database; its name."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name

    def drop_database(self, name):
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    # --- what may befall it -----------------------------------------------------------------------

    def crash(self):
        """What is left if the server dies in the middle (SIGQUIT: no checkpoint, recovery at the
        next start). kill -9 of the postmaster alone leaves backends behind that keep the next one
        from starting."""
        self.end(signal.SIGQUIT)

    def restart(self, number=signal.SIGINT):
        """Ends it (SIGINT: connections are closed; SIGQUIT: a crash) and starts it again."""
        self.end(number)
        return self.start()

    def end(self, number=signal.SIGINT, seconds=60.0):
        # SIGTERM would wait for every client to leave.
        super().end(signal.SIGINT if number == signal.SIGTERM else number, seconds)

    def pause(self):
        """The postmaster alone stands still: what is connected goes on, nobody new comes in."""
        super().pause()

    def cut_connections(self):
        """Ends every connection to it but the one that asks."""
        self.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                 "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")

    def standby(self, synchronous=True):
        """A standby that follows this cluster, started; synchronous: a commit waits for it."""
        other = Postgres(self.durable, {**self.settings, "synchronous_standby_names": "''"}, self,
                         files=self.files)
        other.start()
        if synchronous:
            self.be_followed_by(other)
        return other

    def follow(self, primary):
        """Comes back, at the address that it had, as a new standby of `primary`."""
        self.end(signal.SIGQUIT)
        shutil.rmtree(self.data)
        self._copy(primary)
        self.settings["synchronous_standby_names"] = "''"
        return self.start()

    def be_followed_by(self, other):
        """From now on a commit is told only when `other` has it, too."""
        self.settings["synchronous_standby_names"] = f"'{other.follower_name()}'"
        self.command()
        self.sql("SELECT pg_reload_conf()")
        end = time.monotonic() + 60
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1":
            assert time.monotonic() < end, f"no synchronous standby: {other.log()}"
            time.sleep(0.05)

    # --- a standby that answers reads -------------------------------------------------------------

    def pause_replay(self):
        """A standby receives what its primary writes, and shows none of it from now on."""
        self.sql("SELECT pg_wal_replay_pause()")
        self._wait_until("SELECT pg_get_wal_replay_pause_state() = 'paused'", "paused replay")

    def resume_replay(self):
        self.sql("SELECT pg_wal_replay_resume()")

    def catch_up(self, primary):
        """Returns once a standby shows all that its primary has committed by now."""
        end = primary.sql("SELECT pg_current_wal_flush_lsn()")
        self._wait_until(f"SELECT pg_last_wal_replay_lsn() >= '{end}'", "the replay")

    def _wait_until(self, question, what, seconds=60.0):
        end = time.monotonic() + seconds
        while self.sql(question) != "t":
            assert time.monotonic() < end, f"{what} is waited for in vain: {self.log()}"
            time.sleep(0.02)

    def promote(self):
        """Makes a standby the primary, and returns when it takes writes."""
        self.run(program("pg_ctl"), "promote", "-D", self.data, "-w", "-t", "30")
        return self


def failover_url(primary, standby, database, **parameters):
    """Both hosts: libpq takes whichever writes."""
    query = urllib.parse.urlencode({"target_session_attrs": "read-write", **parameters})
    return (f"postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/"
            f"{database}?{query}")
