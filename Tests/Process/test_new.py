"""`mizu new` in every odd place, and the command's manners: names, hints, colours, completions.

Whatever is refused leaves the disk as it was, and says what is wrong, where, and what to do. One app
is generated, built and tested as its owner would do it; its build folder lies in `.build`, so that a
second run, and Tests/Browser/test_first_hour.py, are quick.
"""

import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import server as processes

ROOT = Path(__file__).resolve().parents[2]
USAGE = 64
TEMPLATES = ["sync", "team", "live", "minimal"]


def run(*words, cwd, env=None, before_exec=None, command=processes.MIZU):
    environment = {"PATH": os.environ["PATH"], "SWIFT_BACKTRACE": "enable=no"} | (env or {})
    return subprocess.run(
        [command, *words], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, timeout=60,
        capture_output=True, text=True, preexec_fn=before_exec)


def new(*words, cwd, **options):
    return run("new", "--mizu", str(ROOT), *words, cwd=cwd, **options)


def tree(folder):
    """Every path below a folder, with what it holds."""
    return {
        str(path.relative_to(folder)):
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        for path in sorted(Path(folder).rglob("*"))
    }


def assert_refused(answer, code, *parts):
    assert answer.returncode == code, answer
    assert answer.stderr.startswith("Error: "), answer
    for part in parts:
        assert part in answer.stderr, answer.stderr


# --- what it writes ------------------------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES)
def test_writes_what_it_said_it_would(tmp_path, template):
    planned = json.loads(
        new("my-app", "--template", template, "--json", "--dry-run", cwd=tmp_path).stdout)
    assert tree(tmp_path) == {}, "a dry run wrote something"
    answer = new("my-app", "--template", template, "--json", cwd=tmp_path)
    assert answer.returncode == 0 and answer.stderr == "", answer
    written = json.loads(answer.stdout)
    assert written == planned | {"written": True} and planned["written"] is False
    assert written["path"] == str(tmp_path / "my-app")
    assert (written["module"], written["command"], written["name"]) == ("MyApp", "my-app", "My App")
    assert written["next"] == ["cd my-app", "mizu dev", "swift test"]
    files = {path: data for path, data in tree(tmp_path / "my-app").items() if data is not None}
    assert {file["path"]: file["bytes"] for file in written["files"]} == {
        path: len(data) for path, data in files.items()}
    assert all(file["action"] == "create" for file in written["files"])


def test_says_what_it_does_and_what_comes_next(tmp_path):
    answer = new("it's here/my app", cwd=tmp_path)
    assert answer.returncode == 0, answer
    assert "module MyApp" in answer.stdout and "create  Package.swift" in answer.stdout
    assert "cd 'it'\\''s here/my app'" in answer.stdout and "mizu dev" in answer.stdout
    assert "\x1b" not in answer.stdout
    assert (tmp_path / "it's here/my app/Package.swift").is_file()


def test_the_folder_that_one_stands_in_will_do(tmp_path):
    here = tmp_path / "shopping-list"
    here.mkdir()
    (here / "notes.txt").write_text("mine")
    answer = new(".", cwd=here)
    assert answer.returncode == 0, answer
    assert 'name: "ShoppingList"' in (here / "Package.swift").read_text()
    assert (here / "notes.txt").read_text() == "mine"
    assert "  cd " not in answer.stdout


def test_names_licence_and_variables_are_put_in(tmp_path):
    answer = new(
        "2do", "--module", "ToDo", "--name", "Größe & Co", "--license", "MIT", "--var",
        "author=Ada Lovelace", "--var", "year=1843", "--var", "summary=Sums.", cwd=tmp_path)
    assert answer.returncode == 0, answer
    app = tmp_path / "2do"
    assert "Copyright (c) 1843 Ada Lovelace" in (app / "LICENSE").read_text()
    assert (app / "README.md").read_text().startswith("# Größe & Co\n\nSums.\n")
    assert "Größe &amp; Co" in (app / "Assets/views/layouts/default.html").read_text()
    assert (app / "Assets/systemd/to-do.service").is_file()
    assert 'targets: ["ToDoServer"]' in (app / "Package.swift").read_text()


def test_says_where_mizu_is(tmp_path):
    assert new("app-a", cwd=tmp_path).returncode == 0
    assert f'.package(name: "mizu", path: "{ROOT}")' in (tmp_path / "app-a/Package.swift").read_text()
    answer = run("new", "app-b", "--mizu", "https://example.org/x/mizu@1.2.3", cwd=tmp_path)
    assert answer.returncode == 0, answer
    manifest = (tmp_path / "app-b/Package.swift").read_text()
    assert '.package(url: "https://example.org/x/mizu", from: "1.2.3")' in manifest
    answer = run("new", "app-c", "--mizu", "nowhere", cwd=tmp_path)
    assert_refused(answer, USAGE, "there is no such folder")
    answer = run("new", "app-c", "--mizu", str(tmp_path), cwd=tmp_path)
    assert_refused(answer, USAGE, "Package.swift is not in it")
    assert not (tmp_path / "app-c").exists()


def test_lists_the_templates(tmp_path):
    described = json.loads(run("new", "--list", "--json", cwd=tmp_path).stdout)
    assert [template["name"] for template in described] == TEMPLATES
    text = run("new", "--list", cwd=tmp_path).stdout
    for template in described:
        assert template["name"] in text and template["description"] in text
        assert set(template["tags"]) >= {"swift", "mizu"}
    assert {"sync", "live", "offline-first", "realtime"} <= set(described[0]["tags"])


# --- what it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "parts"), [
    (["2do"], ["digit 2", "--module App2do"]),
    (["größe"], ["\"ö\" is not ASCII", "--module MyApp"]),
    (["水"], ["is not ASCII", "--module"]),
    (["mizu"], ["Mizu's own"]),
    (["foundation"], ["a module of that name already", "--module FoundationApp"]),
    (["---"], ["it has no letter"]),
    (["app", "--module", "my-app"], ["character 3 is a dash", "--module MyApp"]),
    (["app", "--module", "my app"], ["character 3 is a space", "--module MyApp"]),
    (["app", "--module", "2do"], ["digit 2", "--module App2do"]),
    (["app", "--module", "class"], ["Swift keyword", "--module ClassApp"]),
    (["app", "--module", "Größe"], ["is not ASCII"]),
    (["app", "--module", "MizuSync"], ["Mizu's own"]),
    (["app", "--module", "Echo"], ["EchoServer"]),
    (["app", "--module", ""], ["needs a name"]),
    (["app", "--name", "<b>"], ["--name"]),
    (["app", "--name", "a\nb"], ["control character"]),
    (["app", "--template", "snyc"], ["no template \"snyc\"", "did you mean \"sync\"?"]),
    (["app", "--template", "rails"], ["there are: sync, team, live, minimal"]),
    (["app", "--license", "MTI"], ["did you mean \"MIT\"?"]),
    (["app", "--var", "sumary=x"], ["did you mean \"summary\"?"]),
    (["app", "--var", "summary"], ["takes key=value"]),
    (["app", "--var", "author=Ada"], ["--license MIT"]),
    (["app", "--var", "summary=a", "--var", "summary=b"], ["given twice"]),
    (["app", "--templat", "sync"], ["Did you mean '--template'?"]),
    ([], ["mizu new my-app"]),
])
def test_what_cannot_be_used_is_told_with_a_hint(tmp_path, words, parts):
    if words and words[0].startswith("-"):
        words = ["--", *words]
    assert_refused(new(*words, cwd=tmp_path), USAGE, *parts)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(("path", "part"), [
    ("", "the path is empty"), ("/", "root of the file system"), ("a\tb", "control character"),
    ("x" * 256, "longer than the system allows"), ("a/" * 2100 + "b", "longer than the system allows"),
])
def test_paths_that_are_none_are_refused(tmp_path, path, part):
    assert_refused(new(path, cwd=tmp_path), 1, part)
    assert tree(tmp_path) == {}


def test_what_is_there_is_kept_unless_force_is_given(tmp_path):
    assert new("app-a", "--template", "minimal", cwd=tmp_path).returncode == 0
    (tmp_path / "app-a/Makefile").write_text("mine")
    (tmp_path / "app-a/mine.txt").write_text("mine")
    before = tree(tmp_path)
    answer = new("app-a", "--template", "minimal", cwd=tmp_path)
    assert_refused(answer, 1, "Makefile", "Package.swift", "--force")
    assert "mine.txt" not in answer.stderr
    assert tree(tmp_path) == before
    answer = new("app-a", "--template", "minimal", "--force", cwd=tmp_path)
    assert answer.returncode == 0 and "replace  Makefile" in answer.stdout, answer
    assert (tmp_path / "app-a/Makefile").read_text() != "mine"
    assert (tmp_path / "app-a/mine.txt").read_text() == "mine"
    assert set(tree(tmp_path)) == set(before)


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("place", [
    "my-app", "my-app/Sources", "my-app/README.md/", "link", "dangling", "parent",
])
def test_what_is_in_the_way_stays_there(tmp_path, place, force):
    target = "my-app"
    (tmp_path / "my-app").parent.mkdir(exist_ok=True)
    if place == "my-app":
        (tmp_path / "my-app").write_text("a file")
    elif place == "my-app/Sources":
        (tmp_path / "my-app").mkdir()
        (tmp_path / "my-app/Sources").write_text("a file")
    elif place == "my-app/README.md/":
        (tmp_path / "my-app/README.md").mkdir(parents=True)
    elif place == "link":
        (tmp_path / "my-app").mkdir()
        (tmp_path / "my-app/Makefile").symlink_to("/etc/hostname")
    elif place == "dangling":
        (tmp_path / "my-app").symlink_to("nowhere")
    elif place == "parent":
        (tmp_path / "file").write_text("a file")
        target = "file/my-app"
    before = tree(tmp_path)
    assert_refused(new(target, *force, cwd=tmp_path), 1, "in the way")
    assert tree(tmp_path) == before


def test_errors_are_json_where_json_was_asked_for(tmp_path):
    (tmp_path / "my-app").write_text("a file")
    answer = new("my-app", "--json", cwd=tmp_path)
    assert answer.returncode == 1 and answer.stderr == "", answer
    error = json.loads(answer.stdout)
    assert error["code"] == "in_the_way" and "my-app" in error["error"] and error["hint"]


# --- when the system refuses ----------------------------------------------------------------------


def test_a_folder_that_one_may_not_write_to(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("unwritable"))
    as_nobody = None
    if os.geteuid() == 0:
        # The way down to the folder must be open to somebody who is not root.
        for parent in [folder, *folder.parents[:-2]]:
            parent.chmod(parent.stat().st_mode | 0o055)
        folder.chmod(0o755)

        def as_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        try:
            run("version", cwd="/", before_exec=as_nobody)
        except (PermissionError, subprocess.SubprocessError):
            pytest.skip("the binary is out of nobody's reach")
    else:
        folder.chmod(0o555)
    answer = run(
        "new", "my-app", "--mizu", "https://example.org/mizu", cwd=folder, before_exec=as_nobody)
    assert_refused(answer, 1, "cannot write there", str(folder), "ermission denied")
    assert tree(folder) == {}


def test_a_file_system_that_takes_no_folders(tmp_path):
    assert_refused(new("/proc/some-test-app", cwd=tmp_path), 1, "/proc")
    assert not Path("/proc/some-test-app").exists()


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_file_that_may_not_grow_leaves_nothing_behind(tmp_path, template):
    """What a full disk does, at a byte of our choice: the limit of a file's size."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1200, 1200))

    answer = new("deep/er/my-app", "--template", template, cwd=tmp_path, before_exec=limit)
    assert_refused(answer, 1, "cannot write", "File too large")
    assert tree(tmp_path) == {}


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)],
        capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("only root may mount a disk")
    try:
        answer = new("disk/my-app", cwd=tmp_path)
        assert_refused(answer, 1, "No space left on device", "the disk is full")
        assert tree(disk) == {}
        # And with something to replace: it is as it was.
        (disk / "my-app").mkdir()
        (disk / "my-app/README.md").write_text("mine")
        before = tree(disk)
        answer = new("disk/my-app", "--force", cwd=tmp_path)
        assert_refused(answer, 1, "No space left on device")
        assert tree(disk) == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- the command's manners ------------------------------------------------------------------------


def on_a_terminal(*words, cwd, env):
    """What a command writes where both outputs are a terminal."""
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm"} | env
    with subprocess.Popen([processes.MIZU, *words], cwd=cwd, env=environment, stdin=follower,
                          stdout=follower, stderr=follower) as child:
        os.close(follower)
        text = b""
        try:
            while part := os.read(leader, 4096):
                text += part
        except OSError:
            pass  # Linux says so when the other end is closed
        child.wait(60)
    os.close(leader)
    return text.decode()


@pytest.mark.parametrize("words", [["new", "--list"], ["new", "2do"], ["nwe"]])
def test_colours_are_for_terminals_and_never_with_no_color(tmp_path, words):
    assert "\x1b[" in on_a_terminal(*words, cwd=tmp_path, env={})
    assert "\x1b" not in on_a_terminal(*words, cwd=tmp_path, env={"NO_COLOR": "1"})
    assert "\x1b" not in on_a_terminal(*words, cwd=tmp_path, env={"TERM": "dumb"})
    answer = run(*words, cwd=tmp_path)
    assert "\x1b" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(("typed", "meant"), [
    ("nwe", "new"), ("srve", "serve"), ("versoin", "version"), ("completion", "completions"),
])
def test_an_unknown_command_is_answered_with_the_one_that_was_meant(tmp_path, typed, meant):
    assert_refused(
        run(typed, cwd=tmp_path), USAGE, f'no command "{typed}"', f'did you mean "{meant}"?')


def test_an_unknown_flag_is_answered_with_the_one_that_was_meant(tmp_path):
    assert_refused(run("serve", "--adr", "x", cwd=tmp_path), USAGE, "Did you mean '--addr'?")


def test_every_help_has_examples(tmp_path):
    overview = run("--help", cwd=tmp_path).stdout
    commands = re.findall(r"^  ([a-z]+)  +\S", overview.split("SUBCOMMANDS:")[1], re.MULTILINE)
    assert {"serve", "new", "version", "completions"} <= set(commands)
    for words in [["--help"], *[[name, "--help"] for name in commands], ["help", "new"]]:
        answer = run(*words, cwd=tmp_path)
        assert answer.returncode == 0 and "EXAMPLES" in answer.stdout, words


def test_version_says_what_this_is(tmp_path):
    line = run("version", cwd=tmp_path).stdout
    assert re.fullmatch(r"mizu \d+\.\d+\.\d+ \(commit \S+, Swift 6\.\d\S*\)\n", line), line
    told = json.loads(run("version", "--json", cwd=tmp_path).stdout)
    assert line.startswith(f"mizu {told['version']} (")
    assert run("--version", cwd=tmp_path).stdout.strip() == told["version"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_scripts_that_know_the_commands(tmp_path, shell):
    answer = run("completions", shell, cwd=tmp_path)
    assert answer.returncode == 0 and "dry-run" in answer.stdout and "serve" in answer.stdout
    if shutil.which(shell):
        (tmp_path / "script").write_text(answer.stdout)
        checked = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True)
        assert checked.returncode == 0, checked


def test_install_and_uninstall_are_each_others_opposite(tmp_path):
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/other").write_text("somebody else's")

    def make(target):
        subprocess.run(
            ["make", "-C", str(ROOT), target, "PREFIX=/usr", f"DESTDIR={tmp_path}",
             f"MIZU_BIN={processes.MIZU}"], check=True, capture_output=True, timeout=60)
        return {path for path, data in tree(tmp_path).items() if data is not None}

    assert make("install") == {
        "usr/bin/mizu", "usr/bin/other", "usr/share/bash-completion/completions/mizu",
        "usr/share/zsh/site-functions/_mizu", "usr/share/fish/vendor_completions.d/mizu.fish"}
    installed = tmp_path / "usr/bin/mizu"
    assert installed.stat().st_mode & 0o777 == 0o755
    assert run("version", cwd=tmp_path, command=str(installed)).returncode == 0
    assert make("uninstall") == {"usr/bin/other"}


# --- the app ------------------------------------------------------------------------------------


def lines_of_people(app):
    """Lines that people write: Swift, scripts, views, style and tests; nothing that is made of them."""
    kinds = (".swift", ".js", ".html", ".css")
    return sum(
        len(path.read_text().splitlines()) for path in app.rglob("*")
        if path.suffix in kinds and not {".build", "CShims"} & set(path.relative_to(app).parts))


# Alone: it compiles on every core, in a folder that Tests/Browser/test_first_hour.py uses, too.
# One app takes the other's place there, so that Mizu itself is compiled once.
@pytest.mark.alone
@pytest.mark.parametrize("template", ["team", "sync"])
def test_a_new_app_builds_without_a_warning_passes_its_tests_and_serves(tmp_path, template):
    if not shutil.which("swift"):
        pytest.skip("swift is not installed")
    app = ROOT / ".build/new-app/myapp"
    for entry in app.iterdir() if app.exists() else []:
        if entry.name not in (".build", "Package.resolved"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    answer = new(str(app), "--template", template, cwd=tmp_path)
    assert answer.returncode == 0, answer
    if template == "team":
        assert lines_of_people(app) < 1_500

    def swift(*words):
        child = subprocess.Popen(
            ["swift", *words], cwd=app, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            text, _ = child.communicate(timeout=1_000)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        assert child.returncode == 0, text[-4000:]
        return text

    built = swift("build", "--build-tests")
    assert "warning:" not in built, built
    tested = swift("test", "--skip-build")
    assert re.search(r"Test run with [1-9]\d* tests? in \d+ suites? passed", tested), tested
    subprocess.run(["sh", "CShims/assets.sh", "--check"], cwd=app, check=True)
    process = processes.Server(tmp_path, command=(str(app / ".build/debug/myapp"),)).ready()
    try:
        process.stop()
    finally:
        process.kill()
