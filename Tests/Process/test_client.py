"""The browser client as the server gives it: by its version, kept for a year, packed, one file. And as
it is written: its parts that need no browser, in node, and its types, by the TypeScript compiler.
"""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from wire import fetch

IMPORTS = re.compile(r'<script type="importmap">\{"imports":\{"mizu":"([^"]+)","mizu/":"([^"]+)"\}\}')


def addresses(server):
    """Where the page says that the client is, whole and in parts."""
    return IMPORTS.search(fetch(server, "GET", "/").body.decode()).groups()


def test_the_client_is_one_file_that_is_kept_for_a_year(server):
    whole, _ = addresses(server)
    answer = fetch(server, "GET", whole)
    assert answer.status == 200
    assert answer.get("content-type") == "text/javascript; charset=utf-8"
    assert answer.get("cache-control") == "public, max-age=31536000, immutable"
    text = answer.body.decode()
    assert not re.search(r"^import ", text, re.MULTILINE), "nothing is left to be loaded"
    version = whole.split("/")[2]
    assert f'const version = "{version}";' in text
    assert re.search(r"^export \{ .*SyncClient.*\};$", text, re.MULTILINE)


def test_the_client_is_packed_and_has_a_tag(server):
    whole, _ = addresses(server)
    plain = fetch(server, "GET", whole)
    packed = fetch(server, "GET", whole, [("Accept-Encoding", "gzip")])
    assert packed.get("content-encoding") == "gzip" and packed.get("vary") == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < 36_000, "of what a first visit loads this is the most"
    for answer, codings in ((plain, []), (packed, [("Accept-Encoding", "gzip")])):
        again = fetch(server, "GET", whole, [("If-None-Match", answer.get("etag")), *codings])
        assert again.status == 304 and not again.body
        assert again.get("cache-control") == "public, max-age=31536000, immutable"


def test_the_page_loads_the_client_beside_its_own_script(server):
    whole, _ = addresses(server)
    head = fetch(server, "GET", "/").body.decode().split("</head>")[0]
    assert f'<link rel="modulepreload" href="{whole}">' in head
    assert head.index('type="importmap"') < head.index('type="module"') < len(head)


def test_the_parts_are_there_for_reading(server):
    whole, parts = addresses(server)
    assert parts == whole.removesuffix("mizu.js") + "parts/"
    entry = fetch(server, "GET", parts + "mizu.js")
    assert entry.status == 200
    for name in re.findall(r'from "\./([a-z-]+\.js)"', entry.body.decode()):
        part = fetch(server, "GET", parts + name)
        assert part.status == 200 and part.body.startswith(b"// "), name
        assert part.get("cache-control") == "public, max-age=31536000, immutable"


def test_another_version_is_not_answered(server):
    """Whatever is sent under a name may be kept for a year, so it is this name's or nothing."""
    whole, parts = addresses(server)
    version = whole.split("/")[2]
    for target in ("/_mizu/", "/_mizu/mizu.js", "/_mizu/0.0.0-000000000000/mizu.js",
                   "/_mizu/dev/parts/mizu.js", whole + "x", parts, parts + "../mizu.js",
                   f"/_mizu/{version}", f"/_mizu/{version}/parts/unknown.js"):
        answer = fetch(server, "GET", target)
        assert answer.status in (400, 404), target
        assert "immutable" not in answer.get("cache-control", ""), target


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def module_folder(tmp_path):
    """The client's files and what Tests/Client has to say about them, as modules of a package."""
    shutil.copytree(ROOT / "Assets/Client", tmp_path / "client")
    for file in (ROOT / "Tests/Client").iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


def run(folder, *command):
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_parts_that_need_no_browser_pass_their_own_tests(module_folder):
    tests = sorted(file.name for file in module_folder.glob("*.test.js"))
    assert tests
    for name in tests:
        run(module_folder, "node", "--test", name)


def test_an_app_in_typescript_compiles(module_folder):
    (module_folder / "tsconfig.json").write_text(json.dumps({
        "compilerOptions": {
            "strict": True, "noEmit": True, "target": "es2022", "module": "es2022",
            "moduleResolution": "node", "lib": ["es2022", "dom"], "types": [],
            "paths": {"mizu": ["./client/mizu"]}, "baseUrl": "."},
        "files": ["sample-app.ts"]}))
    run(module_folder, "tsc", "--project", ".")


def test_the_types_name_what_the_module_exports(module_folder):
    """Kinds, members, and how many parameters a method cannot do without."""
    found = json.loads(run(module_folder, "node", "exports.js"))
    types = (module_folder / "client/mizu.d.ts").read_text()
    types = re.sub(r"/\*\*.*?\*/|^//.*?$", "", types, flags=re.DOTALL | re.MULTILINE)
    declared = {}
    for kind, name, rest in re.findall(
            r"^export (class|function|const) (\w+)(.*?)(?=^export |\Z)", types,
            re.DOTALL | re.MULTILINE):
        if kind == "class":
            declared[name] = members(rest)
        elif kind == "function":
            declared[name] = f"function/{required(rest)}"
        else:
            declared[name] = rest.strip(" :;\n")
    for name, members_found in found.items():
        if isinstance(members_found, list):
            found[name] = sorted(members_found)
    assert declared == found


def members(body):
    """`name/parameters` of the methods of a class, `name` of what is read; fields are not among them."""
    read = re.findall(r"^  get (\w+)\(\)", body, re.MULTILINE)
    methods = re.findall(r"^  (?!get |constructor)(\w+)(\([^;]*);", body, re.MULTILINE)
    return sorted(read + [f"{name}/{required(rest)}" for name, rest in methods])


def required(rest):
    """How many parameters stand before the first that may be left out."""
    depth, parts, inside = 0, [""], rest[1:]
    for letter in inside:
        if letter == ")" and depth == 0:
            break
        depth += (letter in "({[") - (letter in ")}]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    names = [part for part in parts if part.strip()]
    return next((index for index, part in enumerate(names) if re.match(r"\s*\w+\?", part)), len(names))
