"""TLS clients and certificates for tests: python's ssl on one side, the `openssl` command for keys."""

import re
import socket
import ssl
import subprocess

from wire import Connection, WebSocket

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
LISTENING = re.compile(r"^listening on https://([^\s/]+):(\d+)/?$")


def make_certificate(folder, name="a", subject="localhost"):
    """Writes NAME.pem and NAME.key, a certificate that signs itself; returns both paths."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-keyout", key, "-out", certificate, "-subj", f"/CN={subject}",
         "-addext", f"subjectAltName=DNS:{subject}"], check=True, capture_output=True)
    return certificate, key


def context(version=None, trust=None):
    """A client's context; without `trust` it believes every certificate."""
    made = ssl.create_default_context(cafile=trust)
    if trust is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


class Endpoint:
    """Where a process listens with TLS, in the form that wire.Connection takes."""

    def __init__(self, process, wait_until):
        def line():
            return next((found for text in process.lines if (found := LISTENING.match(text))), None)
        found = wait_until(lambda: line() or process.child.poll() is not None, what="https")
        assert found is not True, f"ended before it listened: {process.errors}"
        self.host, self.port = found[1].strip("[]"), int(found[2])
        self.authority = f"{self.host}:{self.port}"


class SecureConnection(Connection):
    def __init__(self, server, client=None, session=None, name="localhost"):
        super().__init__(server)
        self.secure(client or context(), session, name)

    def secure(self, client, session=None, name="localhost"):
        try:
            self.socket = client.wrap_socket(
                self.socket, server_hostname=name, session=session,
                suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise

    @property
    def subject(self):
        der = self.socket.getpeercert(binary_form=True)
        return subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "multiline"],
            input=der, check=True, capture_output=True).stdout.decode().split("= ")[-1].strip()


class SecureWebSocket(WebSocket):
    """WebSocket's constructor connects and asks at once, so the socket is made secure in between."""

    def request(self, *arguments, **options):
        if not isinstance(self.socket, ssl.SSLSocket):
            SecureConnection.secure(self, context())
        return super().request(*arguments, **options)


def raw_socket(server):
    made = socket.create_connection((server.host, server.port), 60)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
