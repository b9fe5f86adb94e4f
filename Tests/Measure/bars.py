"""Draws the README's bars: `bars.py Assets/Pictures/benchmark.json [REPORT.json …]`.

The file has, for each row, the share of another server's figure that echo-server reached per second
of processor time, one share for each run. A report of `make bench-http` or `make bench-live` takes
the place of the shares in its rows, and of machine and date; the file is written again, and the
picture beside it, with the ending `.svg`. Nothing is measured here.
"""

import json
import statistics
import sys
from html import escape
from pathlib import Path

LABEL, SCALE, BAR, GAP, WIDTH = 220, 360, 18, 10, 800
INK, PALE, FILL, RANGE = "#24292f", "#57606a", "#0f766e", "#5eead4"


def take_report(figures, report):
    """Puts a report's figures in the place of the shares; rows that it has not stay as they are."""
    rows = {row["title"]: row["figures"] for row in report["rows"] if row["unit"] == "per CPU s"}
    for group in figures["groups"]:
        for row in group["rows"]:
            found = rows.get(row["report"], {})
            if found.get("echo-server") and found.get(group["of"]):
                row["shares"] = [round(found["echo-server"] / found[group["of"]], 2)]
                figures["date"], figures["machine"] = report["date"][:10], report["machine"]


def bar(row, top):
    """One row: its name, a bar to the median of the runs, a line over their range, the figure."""
    shares = row["shares"]
    middle, low, high = statistics.median(shares), min(shares), max(shares)
    text = f"{low:.2f} to {high:.2f}" if low != high else f"{middle:.2f}"
    line = top + BAR / 2
    ends = [LABEL + SCALE * share for share in (low, high)]
    return [
        f'<text x="{LABEL - 10}" y="{line + 5}" text-anchor="end" fill="{INK}">'
        f'{escape(row["title"])}</text>',
        f'<rect x="{LABEL}" y="{top}" width="{SCALE * middle:.0f}" height="{BAR}" rx="3" '
        f'fill="{FILL}"/>',
        *([f'<path d="M{ends[0]:.0f} {line}H{ends[1]:.0f}" stroke="{RANGE}" stroke-width="3"/>']
          if low != high else []),
        f'<text x="{max(ends[1], LABEL + SCALE) + 10:.0f}" y="{line + 5}" fill="{INK}">{text}</text>',
    ]


def draw(figures):
    """The picture as SVG text. White under it: it is read on dark pages too."""
    parts, top = [], 24
    for group in figures["groups"]:
        parts.append(f'<text x="20" y="{top + 12}" font-weight="600" fill="{INK}">'
                     f'{escape(group["title"])}</text>')
        top += 28
        first = top
        for row in group["rows"]:
            parts += bar(row, top)
            top += BAR + GAP
        one = LABEL + SCALE
        parts.append(f'<path d="M{one} {first - 6}V{top - GAP + 6}" stroke="{INK}" '
                     'stroke-dasharray="3 3"/>')
        top += 16
    for note in ("Work per second of the server's own processor time, as a share of the other "
                 "server's, which is the dotted line.", f"{figures['machine']}, {figures['date']}"):
        parts.append(
            f'<text x="20" y="{top + 4}" font-size="12" fill="{PALE}">{escape(note)}</text>')
        top += 18
    height = top + 4
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>', *parts, "</svg>"]) + "\n"


def main():
    path, *reports = map(Path, sys.argv[1:])
    figures = json.loads(path.read_text())
    for report in reports:
        take_report(figures, json.loads(report.read_text()))
    if reports:
        path.write_text(json.dumps(figures, indent=1) + "\n")
    path.with_suffix(".svg").write_text(draw(figures))


if __name__ == "__main__":
    main()
