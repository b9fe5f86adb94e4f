"""The browser client as the server gives it: by its version, kept for a year, packed, one file."""

import gzip
import re

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
    assert len(packed.body) < 30_000, "of what a first visit loads this is the most"
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
