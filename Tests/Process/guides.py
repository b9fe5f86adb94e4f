"""Reads the guides: their names, and the fenced blocks of one in the order in which they stand."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "Assets/Guides"
FENCED = re.compile(r"^```([a-z]*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def guide_names():
    return sorted(path.name for path in GUIDES.glob("*.md"))


def blocks(name):
    """(language, text) of each fenced block of a guide, or of the README."""
    folder = ROOT if name == "README.md" else GUIDES
    found = FENCED.findall((folder / name).read_text())
    assert found or name not in ("protocol.md", "mutators.md", "first-hour.md"), name
    return found
