"""The guides (Assets/Guides) are true: every block of theirs runs here, or is held to what runs.

The protocol's examples go to a fresh server in the order in which they stand. Swift is compiled by
Tests/Guides, and must stand there as the guide shows it. Settings, files and make targets that a
guide names exist, and every link leads somewhere. The first hour is a test of its own: Tests/Browser/test_first_hour.py.
"""

import json
import os
import re
import shutil
import subprocess
import textwrap

import pytest

from guides import FENCED, GUIDES, ROOT, blocks, guide_names
from server import MIZU, wait_until
from tls import Endpoint, SecureConnection, make_certificate
from wire import WebSocket, dump, fetch, post

SWIFT = [path.read_text() for path in sorted((ROOT / "Tests/Guides").glob("*.swift"))]
# Variables of the build, the tests and systemd, which are no settings of a server.
OTHER_VARIABLES = {
    "FUZZ_SECONDS", "SECONDS_EACH", "MIZU_BIN", "ECHO_BIN", "TIME_LIMIT", "LISTEN_FDS",
    "MIZU_STORES", "MIZU_TEST_POSTGRES", "MIZU_TEST_REDIS", "MIZU_TEST_PGBOUNCER",
    "MIZU_TEST_POSTGRES_SOCKET", "MIZU_TEST_POSTGRES_DATA", "MIZU_CLUSTER_SECONDS"}
# Those of the proxies by test_proxies.py, those of the browser client by Tests/Browser/test_client.py.
RUN_BY_A_TEST = {
    "sh", "json", "ws", "swift", "diff", "env", "nginx", "haproxy", "caddy", "js", "ts", "html",
    "yaml"}


def matches(expected, found, known):
    """Whether `found` is what the guide shows: … is any text, EPOCH one text throughout."""
    if expected == "…":
        return isinstance(found, str) and found != ""
    if expected == "EPOCH":
        return known.setdefault("EPOCH", found) == found
    if isinstance(expected, dict):
        return isinstance(found, dict) and expected.keys() == found.keys() and all(
            matches(value, found[key], known) for key, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(
            matches(one, other, known) for one, other in zip(expected, found))
    return type(expected) is type(found) and expected == found


def filled(text, known):
    return text.replace("EPOCH", known["EPOCH"]) if "EPOCH" in text else text


def run(command, server, known):
    """What a command of the guide prints, with this server's address in place of the guide's."""
    assert command.count("127.0.0.1:8080") == 1, command
    command = filled(command, known).replace("127.0.0.1:8080", server.authority)
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended
    return json.loads(ended.stdout)


def talk(text, socket, known):
    """Sends each > line and wants the < lines behind it; those have no order among each other."""
    turns = re.split(r"^> ", text, flags=re.MULTILINE)
    assert turns[0] == "" and len(turns) > 1
    for turn in turns[1:]:
        sent, *wanted = [line.removeprefix("< ") for line in turn.splitlines()]
        socket.send_json(json.loads(filled(sent, known)))
        wanted = [json.loads(line) for line in wanted]
        while wanted:
            found = socket.receive_json()
            one = next((one for one in wanted if matches(one, found, known)), None)
            assert one is not None, f"{dump(found)} is none of {wanted}"
            wanted.remove(one)


def test_the_protocols_examples_are_answered_as_the_guide_says(start):
    server = start(database="memory:").ready()
    known, command, counts = {}, None, {"sh": 0, "ws": 0}
    with WebSocket(server) as socket:
        for language, text in blocks("protocol.md"):
            assert language in ("sh", "json", "ws"), language
            if language == "ws":
                talk(text, socket, known)
            elif language == "sh":
                assert command is None, f"no answer is shown to {command}"
                command = text
            else:
                found = run(command, server, known)
                assert matches(json.loads(text), found, known), (command, found)
                command = None
            counts[language] = counts.get(language, 0) + 1
        assert command is None
        # Nothing else was said on the socket.
        socket.send_json({"type": "ping", "ref": "end"})
        assert socket.receive_json() == {"type": "pong", "ref": "end"}
    assert counts["sh"] == counts["json"] >= 6 and counts["ws"] >= 2, counts


def test_what_the_protocols_guide_calls_any_text_is_not_anything():
    known = {}
    assert matches({"a": "…", "e": "EPOCH"}, {"a": "x", "e": "1"}, known)
    assert not matches({"e": "EPOCH"}, {"e": "2"}, known)
    assert not matches({"a": "…"}, {"a": 1}, known)
    assert not matches({"a": 1}, {"a": 1, "b": 2}, known)
    assert not matches([1], [1, 2], known) and not matches(1, True, known)


@pytest.mark.parametrize("name", [*guide_names(), "README.md"])
def test_swift_in_a_guide_is_code_that_was_compiled(name):
    for language, text in blocks(name):
        if language == "swift":
            found = any(
                re.search("^" + re.escape(indented), source, re.MULTILINE) for source in SWIFT
                for indented in (text, textwrap.indent(text, "    ")))
            assert found, f"{name}: not in Tests/Guides:\n{text}"


def only_block(name, language, word=""):
    found = [text for kind, text in blocks(name) if kind == language and word in text]
    assert len(found) == 1, found
    return found[0]


def test_the_settings_for_a_certificate_do_what_the_guide_says(start, tmp_path):
    settings = dict(line.split("=", 1) for line in only_block("deploying.md", "env").splitlines())
    name = settings["HOSTS"]
    folders = {"TLS_CERT": tmp_path / "tls", "ACME_DIR": tmp_path / "acme"}
    for folder in folders.values():
        folder.mkdir()
    (folders["ACME_DIR"] / ".well-known/acme-challenge").mkdir(parents=True)
    (folders["ACME_DIR"] / ".well-known/acme-challenge/token").write_text("token.answer")
    ports = {"ADDR": "127.0.0.1:0", "TLS_ADDR": "127.0.0.1:0"}
    assert set(settings) == {*folders, *ports, "HOSTS", "HSTS"}
    settings |= ports | {key: str(folder) for key, folder in folders.items()}
    # The guide's order: first without a certificate, which the challenges are to bring.
    host = [("Host", name)]
    challenge = "/.well-known/acme-challenge/token"
    running = start(env=settings, database="memory:").ready()
    assert fetch(running, "GET", challenge, host).body == b"token.answer"
    assert fetch(running, "GET", "/healthz", host).status == 200
    running.stop()

    certificate, key = make_certificate(tmp_path, subject=name)
    shutil.copy(certificate, folders["TLS_CERT"] / f"{name}.pem")
    shutil.copy(key, folders["TLS_CERT"] / f"{name}.key")
    running = start(env=settings, database="memory:").ready()
    assert fetch(running, "GET", challenge, host).body == b"token.answer"
    assert fetch(running, "GET", "/healthz", host).status == 200
    away = fetch(running, "GET", "/", host)
    assert away.status == 308 and away.get("location").startswith(f"https://{name}"), away
    with SecureConnection(Endpoint(running, wait_until), name=name) as secure:
        page = secure.request("GET", "/", host)
    assert page.status == 200
    assert page.get("strict-transport-security") == f"max-age={settings['HSTS']}", page


def run_of(block, folder):
    """Runs a block of the guide with `mizu` as it was built, `folder` in place of /var, and nothing
    in place of systemctl, which a test may not ask."""
    lines = [line for line in block.splitlines() if not line.startswith("systemctl ")]
    text = "\n".join(["set -e", 'mizu() { "$MIZU" "$@"; }', *lines]).replace("/var/", f"{folder}/")
    subprocess.run(["sh", "-c", text], check=True, timeout=60, env={**os.environ, "MIZU": MIZU})


def test_a_backup_is_made_while_it_runs_and_put_back_as_the_guide_says(start, tmp_path):
    making = only_block("deploying.md", "sh", "sync backup")
    restoring = only_block("deploying.md", "sh", "sync restore")
    database, backups = tmp_path / "lib/mizu/mizu.db", tmp_path / "backups"
    for folder in (database.parent, backups / "mizu"):
        folder.mkdir(parents=True)

    def add(running, name):
        mutation = {"id": name, "name": "todo.create", "args": {"id": name, "title": name}}
        result, = post(running, "/_sync/push", {"mutations": [mutation]}).json["results"]
        assert result["ok"], result
        return {"cursor": result["cursor"], "epoch": result["epoch"]}

    running = start(database=f"sqlite:{database}").ready()
    seen = add(running, "kept")
    run_of(making, tmp_path)
    made, = backups.glob("mizu-*.db")
    made.rename(backups / "mizu/2026-11-27.db")
    lost = add(running, "lost")
    running.stop()
    run_of(restoring, tmp_path)
    running = start(database=f"sqlite:{database}").ready()
    records = post(running, "/_sync/snapshot", {}).json["records"]
    assert [record["id"] for record in records] == ["kept"]
    assert post(running, "/_sync/pull", lost).status == 410
    assert post(running, "/_sync/pull", seen).status == 200


def test_the_loads_of_the_benchmarks_guide_find_nothing_wrong(server):
    lines = only_block("benchmarks.md", "sh").splitlines()
    assert len(lines) >= 4
    for line in lines:
        words = line.replace("127.0.0.1:8080", server.authority).split()
        assert words[:2] == ["mizu", "bench"] and server.authority in words[3]
        # Few and short: it is the command that is tried here, not the server.
        words = [MIZU, *("20" if word == "10000" else word for word in words[1:]), "-d", "0.2",
                 "--grace", "60", "--timeout", "60"]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, (line, ended)


@pytest.mark.parametrize("name", guide_names())
def test_a_guide_names_only_what_there_is(name):
    text = (GUIDES / name).read_text()
    for path in re.findall(r"`((?:Assets|Sources|Tests|CShims)/[^`\s]*)`", text):
        if "/my-app." in path:
            continue  # of an app that the reader has made
        bases = [ROOT, ROOT / "Assets/Templates/sync"]  # in Mizu, or in an app
        assert any(list(base.glob(path.rstrip("/"))) for base in bases), f"{name} names {path}"
    table = (GUIDES / "operating.md").read_text().split("<!-- settings:")[1]
    settings = re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)
    for word in re.findall(r"`([A-Z]{2,}(?:_[A-Z]+)+)(?:=[^`]*)?`", text):
        assert word in settings or word in OTHER_VARIABLES, f"{name} names a setting {word}"
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, f"{name} names make {target}"


@pytest.mark.parametrize("name", [*guide_names(), "README.md"])
def test_a_link_leads_to_a_file_and_a_heading_that_there_are(name):
    page = ROOT / name if name == "README.md" else GUIDES / name
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue  # of another site
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name} links to {target}"
        assert not anchor or anchor in anchors(linked), f"{name} links to {target}"


def anchors(page):
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readmes_three_pictures_are_small():
    readme = (ROOT / "README.md").read_text()
    pictures = re.findall(r"\]\((Assets/Pictures/[^)]+)\)", readme)
    assert len(pictures) == 3
    assert all((ROOT / picture).stat().st_size < 150_000 for picture in pictures)


def test_every_guide_is_one_line_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    linked = re.findall(r"^- \[[^\]]+\]\(Assets/Guides/([^)]+)\)", readme, re.MULTILINE)
    assert sorted(linked) == guide_names()


@pytest.mark.parametrize("name", guide_names())
def test_a_guides_blocks_have_a_language_that_a_test_reads(name):
    for language, text in blocks(name):
        assert language in RUN_BY_A_TEST or language == "text", f"{name}: {language}\n{text}"
        assert all(len(line) <= 240 for line in text.splitlines())
