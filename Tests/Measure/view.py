#!/usr/bin/env python3
"""What the to-do page costs to render: processor time, instructions, allocations.

    MIZU_MEASURE=1 swift build -c release --product measure-view --scratch-path .build/measure
    Tests/Measure/view.py [BINARY [FOLDER]]

Runs `measure-view` (Tests/Measure/View) over the views of Assets/Templates/sync, or of FOLDER, with
0 and with 100 to-dos, as data (`list`) and as stored JSON (`rows`). Time is the best of five runs;
instructions and allocations are exact: the difference of two runs under callgrind with different
numbers of pages, divided by that. Making the context, as a handler does, is a part of a page.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = (20, 120)


def timed(command):
    best, size = None, 0
    for _ in range(5):
        words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        best = int(words[0]) if best is None else min(best, int(words[0]))
        size = int(words[2])
    return best, size


def counted(command):
    """Instructions, and calls of malloc and of its kin."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command],
            check=True, capture_output=True)
        text = out.read_text()
    names = dict(re.findall(r"^c?fn=\((\d+)\) (.+)$", text, re.M))
    allocations, called = 0, ""
    for line in text.splitlines():
        if line.startswith("cfn="):
            called = names.get(re.match(r"cfn=\((\d+)\)", line)[1], "")
        elif line.startswith("calls=") and called in ("malloc", "calloc", "realloc",
                                                      "posix_memalign", "aligned_alloc"):
            allocations += int(line[6:].split()[0])
    return int(re.search(r"^(?:totals|summary): (\d+)", text, re.M)[1]), allocations


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / ".build/measure/release/measure-view")
    folder = sys.argv[2] if len(sys.argv) > 2 else str(
        ROOT / "Assets/Templates/sync/Assets/views")
    print(f"{'to-dos':>6}  {'as':<4}  {'bytes':>7}  {'µs':>7}  {'instructions':>12}  allocations")
    for items, form in ((0, "rows"), (100, "list"), (100, "rows")):
        command = [binary, folder, str(items), form]
        nanoseconds, size = timed([*command, "20000" if items == 0 else "500"])
        (few, few_made), (many, many_made) = (counted([*command, str(n)]) for n in PAGES)
        pages = PAGES[1] - PAGES[0]
        print(f"{items:>6}  {form:<4}  {size:>7}  {nanoseconds / 1000:>7.1f}"
              f"  {(many - few) / pages:>12.0f}  {(many_made - few_made) / pages:>11.1f}")


if __name__ == "__main__":
    main()
