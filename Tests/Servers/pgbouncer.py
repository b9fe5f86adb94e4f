"""A throw-away PgBouncer in front of a cluster of ours, in transaction mode."""

from daemon import Daemon, free_port, program
from postgres import PASSWORD, SUPERUSER


class PgBouncer(Daemon):
    name = "PgBouncer"
    users = ("postgres",)

    def __init__(self, cluster, mode="transaction", pool=4):
        program("pgbouncer")
        super().__init__("mizu-pb-")
        self.cluster, self.mode, self.pool, self.port = cluster, mode, pool, free_port()

    def command(self):
        users = self.write("users.txt", f'"{SUPERUSER}" "{PASSWORD}"\n')
        return [program("pgbouncer"), self.write("pgbouncer.ini", f"""
[databases]
* = host={self.cluster.folder} port={self.cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = {self.mode}
default_pool_size = {self.pool}
max_client_conn = 200
server_login_retry = 0.2
admin_users = {SUPERUSER}
""")]

    def choose_port(self):
        taken = "ddress already in use" in self.log()
        self.port = free_port()
        return taken

    def answers(self):
        return self.accepts(self.port)

    def url(self, database):
        return f"postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"
