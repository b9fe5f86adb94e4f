"""TLS from outside: python's ssl against `echo-server` and `mizu serve`."""

import os
import signal
import socket
import ssl
import stat
import struct
import subprocess
import threading

import pytest

from server import ECHO, Process, wait_until
from tls import (Endpoint, SecureConnection, SecureWebSocket, VERSIONS, context, make_certificate,
                 raw_socket)
from wire import BINARY, TEXT, Connection, encode, fetch


def start_echo(folder, *arguments):
    process = Process([ECHO, "--tls-addr", "127.0.0.1:0", "--workers", "2", *map(str, arguments)], {},
                      folder)
    try:
        process.secure = Endpoint(process, wait_until)
    except BaseException:
        process.kill()
        raise
    return process


def end(process):
    try:
        process.signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.errors
    finally:
        process.kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def echo(folder):
    certificate, key = make_certificate(folder)
    process = start_echo(folder, "--tls-cert", certificate, "--tls-key", key)
    yield process.secure
    end(process)


@pytest.mark.parametrize("version", VERSIONS)
def test_many_requests_on_one_connection_apart_and_together(echo, version):
    with SecureConnection(echo, context(version)) as connection:
        assert connection.socket.version() == f"TLSv{version}"
        for _ in range(100):
            assert connection.request("GET", "/").body == b"Hello, World!"
        connection.send(encode("GET", "/", echo.authority) * 500)
        assert all(connection.response().body == b"Hello, World!" for _ in range(500))


def test_the_certificate_is_the_one_that_was_given(echo, folder):
    trusting = context(trust=folder / "a.pem")
    with SecureConnection(echo, trusting) as connection:
        assert connection.request("GET", "/").status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_resumes_with_any_worker(echo, version):
    client = context(version)
    with SecureConnection(echo, client) as connection:
        assert connection.request("GET", "/").status == 200
        session = connection.socket.session
    for _ in range(20):
        with SecureConnection(echo, client, session) as connection:
            assert connection.socket.session_reused
            assert connection.request("GET", "/").status == 200
            session = connection.socket.session


@pytest.mark.parametrize("version", VERSIONS)
def test_http_1_1_is_chosen_and_other_protocols_are_refused(echo, version):
    client = context(version)
    client.set_alpn_protocols(["h2", "http/1.1"])
    with SecureConnection(echo, client) as connection:
        assert connection.socket.selected_alpn_protocol() == "http/1.1"
    client.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        SecureConnection(echo, client)


def test_a_slow_reader_gets_ten_megabytes_whole(echo):
    with SecureConnection(echo) as connection:
        connection.send(encode("GET", "/file/10000000", echo.authority))
        # Others are served while this one does not read.
        with SecureConnection(echo) as other:
            assert other.request("GET", "/").status == 200
        body = connection.response().body
    assert len(body) == 10_000_000
    assert body[:27] == b"abcdefghijklmnopqrstuvwxyza"


def test_a_large_upload_comes_back(echo):
    body = os.urandom(1 << 16) * 160
    answer = {}
    with SecureConnection(echo) as connection:
        reader = threading.Thread(target=lambda: answer.update(it=connection.response()))
        reader.start()
        connection.send(encode("POST", "/", echo.authority, body=body))
        reader.join(60)
    assert answer["it"].body == body


def test_our_end_is_said(echo):
    with SecureConnection(echo) as connection:
        answer = connection.request("GET", "/", [("Connection", "close")])
        assert answer.body == b"Hello, World!"
        # With suppress_ragged_eofs off, an end without close_notify raises.
        assert connection.socket.recv(1) == b""


def test_the_peers_end_is_answered(echo):
    with SecureConnection(echo) as connection:
        assert connection.request("GET", "/").status == 200
        plain = connection.socket.unwrap()
        assert plain.recv(1) == b""
        plain.close()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_come_back(echo, opcode):
    with SecureWebSocket(echo) as ws:
        for size in [0, 1, 125, 16_384, 16_385, 1 << 20]:
            payload = bytes(ord("a") + index % 26 for index in range(size))
            ws.send_frame(opcode, payload)
            assert ws.receive() == (opcode, payload)


def test_http_at_the_https_port_is_told_so(echo):
    with Connection(echo) as connection:
        answer = connection.request("GET", "/")
        assert answer.status == 400 and b"https://" in answer.body
        assert connection.is_closed_by_peer()


def test_garbage_gets_an_alert(echo):
    with raw_socket(echo) as connection:
        connection.sendall(b"\x16\x03\x03\x00\xc8" + b"\xee" * 200)
        assert connection.recv(5)[0] == 21
        while connection.recv(4096):
            pass


def test_resets_in_the_middle_of_handshakes_harm_nobody(echo):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    for length in range(0, len(hello) + 1, 7):
        connection = raw_socket(echo)
        connection.sendall(hello[:length])
        if length % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    with SecureConnection(echo) as connection:
        assert connection.request("GET", "/").status == 200


def test_two_hundred_handshakes_at_once(echo):
    failures, client = [], context()

    def one():
        try:
            with SecureConnection(echo, client) as connection:
                assert connection.request("GET", "/").body == b"Hello, World!"
        except Exception as error:  # told below, on the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


# --- reload ---------------------------------------------------------------------------------------


def lines_with(process, word):
    return [line for line in process.error_lines if word in line]


def test_new_certificates_are_taken_without_losing_a_connection(start, tmp_path):
    certificate, key = make_certificate(tmp_path, subject="one.example")
    process = start(env={"TLS_ADDR": "127.0.0.1:0", "TLS_CERT": str(certificate),
                         "TLS_KEY": str(key)}).ready()
    secure = Endpoint(process, wait_until)
    with SecureConnection(secure) as old:
        assert old.subject == "one.example"
        # A bad set first: the old one stays, and the log says why.
        good = certificate.read_bytes()
        certificate.write_text("nothing")
        process.signal(signal.SIGHUP)
        wait_until(lambda: lines_with(process, "the old certificates stay in use"))
        assert str(certificate) in lines_with(process, "stay in use")[0]
        with SecureConnection(secure) as new:
            assert new.subject == "one.example"
        certificate.write_bytes(good)
        make_certificate(tmp_path, subject="two.example")
        process.signal(signal.SIGHUP)

        def is_new():
            with SecureConnection(secure) as new:
                return new.subject == "two.example"
        wait_until(is_new)
        assert old.request("GET", "/healthz").body == b"ok"
    process.stop()


def test_a_change_of_files_is_noticed(start, tmp_path):
    # As certbot does it: symbolic links that are replaced.
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, subject in [(first, "one.example"), (second, "two.example")]:
        folder.mkdir()
        make_certificate(folder, subject=subject)
    (tmp_path / "live").mkdir()
    for name, target in [("fullchain.pem", "a.pem"), ("privkey.pem", "a.key")]:
        (tmp_path / "live" / name).symlink_to(first / target)
    process = start(env={"TLS_ADDR": "127.0.0.1:0", "TLS_CERT": str(tmp_path / "live")}).ready()
    secure = Endpoint(process, wait_until)
    client = context("1.3")
    with SecureConnection(secure, client) as connection:
        assert connection.subject == "one.example"
        assert connection.request("GET", "/healthz").body == b"ok"
        session = connection.socket.session
    for name, target in [("fullchain.pem", "a.pem"), ("privkey.pem", "a.key")]:
        fresh = tmp_path / "live" / (name + ".new")
        fresh.symlink_to(second / target)
        fresh.rename(tmp_path / "live" / name)

    def is_new():
        with SecureConnection(secure) as connection:
            return connection.subject == "two.example"
    wait_until(is_new, seconds=60)
    # Tickets from before are still good.
    with SecureConnection(secure, client, session) as connection:
        assert connection.socket.session_reused
        assert connection.request("GET", "/healthz").body == b"ok"
    process.stop()


# --- start ----------------------------------------------------------------------------------------


def test_a_certificate_for_development_is_made_once(start, tmp_path):
    path = tmp_path / "deep" / "tls-self-signed.pem"
    seen = []
    for word in ["made a certificate", "using a certificate"]:
        process = start(database="sqlite:deep/mizu.db", args=["--tls-self-signed"],
                        env={"TLS_ADDR": "127.0.0.1:0"}).ready()
        secure = Endpoint(process, wait_until)
        assert len(lines_with(process, word)) == 1
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        trusting = context(trust=path)
        with SecureConnection(secure, trusting) as connection:
            assert connection.request("GET", "/healthz").body == b"ok"
        with SecureConnection(secure, trusting, name="127.0.0.1") as connection:
            seen.append(connection.socket.getpeercert(binary_form=True))
        process.stop()
    assert seen[0] == seen[1]


def refusal(start, **env):
    process = start(env={"TLS_ADDR": "127.0.0.1:0", **{k: str(v) for k, v in env.items()}})
    assert process.wait(60) == 1 and process.lines == []
    lines = [line for line in process.error_lines if line.startswith("mizu serve: ")]
    assert len(lines) == 1, process.errors
    return lines[0]


def test_what_is_wrong_with_files_is_one_line_at_start(start, tmp_path):
    certificate, key = make_certificate(tmp_path, "a")
    _, other = make_certificate(tmp_path, "b")
    absent = tmp_path / "absent.pem"
    assert f"{absent} cannot be read: No such file" in refusal(start, TLS_CERT=absent)
    assert f"{other} is not the key of" in refusal(start, TLS_CERT=certificate, TLS_KEY=other)
    assert f"{certificate} holds no private key" in refusal(start, TLS_CERT=certificate)
    assert f"{key} holds no certificate" in refusal(start, TLS_CERT=key, TLS_KEY=key)
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret",
                    "-out", locked], check=True, capture_output=True)
    line = refusal(start, TLS_CERT=certificate, TLS_KEY=locked)
    assert "with a password" in line and "secret" not in line


def test_settings_that_do_not_go_together_are_refused(start, tmp_path):
    assert "TLS_ADDR is set and TLS_CERT is not" in refusal(start)
    assert "TLS_KEY is set and TLS_CERT is not" in refusal(start, TLS_KEY="a.key")
    assert "choose one" in refusal(start, TLS_CERT="a.pem", TLS_SELF_SIGNED="true")


def test_a_missing_chain_is_a_warning(tmp_path):
    root, root_key = make_certificate(tmp_path, "root", "root.example")
    key, request, leaf = tmp_path / "leaf.key", tmp_path / "leaf.csr", tmp_path / "leaf.pem"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                    "-subj", "/CN=leaf.example"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key,
                    "-CAcreateserial", "-out", leaf, "-days", "30"], check=True,
                   capture_output=True)
    process = start_echo(tmp_path, "--tls-cert", leaf, "--tls-key", key)
    assert f"{leaf} lacks its chain" in process.errors
    end(process)


def test_nothing_of_keys_is_in_the_log(start, tmp_path):
    certificate, key = make_certificate(tmp_path)
    secret = key.read_text().splitlines()[1]
    process = start(env={"TLS_ADDR": "127.0.0.1:0", "TLS_CERT": str(certificate),
                         "TLS_KEY": str(key), "LOG_LEVEL": "trace"}).ready()
    secure = Endpoint(process, wait_until)
    with SecureConnection(secure) as connection:
        assert connection.request("GET", "/").status == 200
    with raw_socket(secure) as connection:
        connection.sendall(b"\x16\x03\x03\x00\x05hello")
        connection.recv(100)
    process.stop()
    assert secret not in process.errors


@pytest.mark.parametrize("development", [False, True])
def test_nothing_of_a_process_with_keys_goes_into_a_core(start, tmp_path, development):
    certificate, key = make_certificate(tmp_path)
    env = {"TLS_ADDR": "127.0.0.1:0", "TLS_CERT": str(certificate), "TLS_KEY": str(key)}
    if development:
        env["DEV"] = "true"
    pid = start(env=env).ready().child.pid
    with open(f"/proc/{pid}/coredump_filter") as file:
        assert (int(file.read(), 16) == 0) == (not development)
    with open(f"/proc/{pid}/limits") as file:
        limit = next(line for line in file if line.startswith("Max core file size")).split()
    if not development:
        assert limit[4:6] == ["0", "0"]


def test_the_first_certificate_may_come_by_the_challenges_that_the_plain_port_answers(start, tmp_path):
    webroot = tmp_path / "webroot"
    challenges = webroot / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("token.thumb")
    certificate = tmp_path / "live" / "fullchain.pem"
    certificate.parent.mkdir()
    env = {"TLS_ADDR": "127.0.0.1:0", "TLS_CERT": str(certificate),
           "TLS_KEY": str(certificate.parent / "privkey.pem")}
    alone = start(env=env)
    assert alone.wait() == 1 and str(certificate) in alone.errors
    process = start(env={**env, "ACME_DIR": str(webroot)}).ready()
    answer = fetch(process, "GET", "/.well-known/acme-challenge/token")
    assert answer.status == 200 and answer.body == b"token.thumb"
    assert lines_with(process, str(certificate)), process.errors
    secure = Endpoint(process, wait_until)
    with SecureConnection(secure) as stand_in:
        assert stand_in.subject != "first.example"
    made, key = make_certificate(tmp_path, subject="first.example")
    key.rename(certificate.parent / "privkey.pem")
    made.rename(certificate)
    process.signal(signal.SIGHUP)

    def is_there():
        with SecureConnection(secure) as new:
            return new.subject == "first.example"

    wait_until(is_there, what="the certificate that has come")
    process.stop()
