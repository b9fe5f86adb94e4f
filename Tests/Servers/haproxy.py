"""A throw-away HAProxy from the text of a configuration. Its `PORT` becomes a free port."""

from daemon import Daemon, free_port, program


class HAProxy(Daemon):
    """`host`, `port` and `authority` say where it is, as tests' connections ask for it."""

    name = "HAProxy"
    host = "127.0.0.1"

    def __init__(self, configuration):
        program("haproxy")
        super().__init__("mizu-ha-")
        self.configuration, self.port = configuration, free_port()

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    def command(self):
        path = self.write("haproxy.cfg", self.configuration.replace("PORT", str(self.port)))
        return [program("haproxy"), "-db", "-f", path]

    def choose_port(self):
        taken = "cannot bind" in self.log()
        self.port = free_port()
        return taken

    def answers(self):
        return self.accepts(self.port)
