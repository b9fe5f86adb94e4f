"""A disk that fails where a test says so, and one that loses its power: steers faulty_disk.c."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

EIO, ENOSPC, SHORT, TORN, EXIT = 1, 2, 3, 4, 5
WRITE, SYNC, NAME, SIZE = 1, 2, 4, 8
ANY = WRITE | SYNC | NAME | SIZE
PAGE = 4096
FILES = ["", "-wal", "-commits0", "-commits1"]


def library(folder):
    """Compiles the shim, once for each folder."""
    built = Path(folder) / "faulty_disk.so"
    if not built.exists():
        source = Path(__file__).with_name("faulty_disk.c")
        subprocess.run(["cc", "-Wall", "-O1", "-shared", "-fPIC", "-o", str(built), str(source)],
                       check=True, timeout=60)
    return built


class Disk:
    """The disk of one folder's `mizu.db`. `env` is what a server on it is started with. It seems to be
    small, so that the journal's files are, and take turns often."""

    def __init__(self, folder, shim, keeps_shadow=False):
        self.folder = Path(folder)
        path = self.folder / "disk-control"
        path.write_bytes(bytes(24))
        with open(path, "r+b") as file:
            self.control = mmap.mmap(file.fileno(), 24)
        self.env = {"LD_PRELOAD": str(shim), "DISK_CONTROL": str(path),
                    "DISK_FILES": str(self.folder / "mizu.db"), "DISK_FREE": "600000",
                    "DISK_FREE_MIN": "off"}
        self.shadow = self.folder / "shadow"
        if keeps_shadow:
            self.shadow.mkdir()
            self.env["DISK_SHADOW"] = str(self.shadow)

    def fail(self, fault, calls=ANY, after=1, repeats=0):
        """The call number `after` of these kinds fails from now on, and `repeats` behind it."""
        self.heal()
        self._write(8, calls)
        self._write(4, fault)
        self._write(12, repeats)
        self._write(0, after)

    def heal(self):
        self._write(0, 0)
        self._write(12, 0)

    def count(self, calls=ANY):
        """Counts calls of these kinds, from now on, in `seen`."""
        self._write(8, calls)

    @property
    def seen(self):
        return self._read(16)

    @property
    def hits(self):
        return self._read(20)

    def _read(self, offset):
        return struct.unpack_from("<I", self.control, offset)[0]

    def _write(self, offset, number):
        struct.pack_into("<I", self.control, offset, number)

    def lose_power(self, rng):
        """What may be left of the files once the power is gone: of each page, what was synced last
        or, by chance, what was written since. The process must have ended."""
        for suffix in FILES:
            path, durable = self.folder / f"mizu.db{suffix}", self.shadow / f"mizu.db{suffix}"
            if not path.exists():
                durable.unlink(missing_ok=True)
                continue
            old = durable.read_bytes() if durable.exists() else b""
            chance = rng.choice([0, 0, 0.5, 1])
            path.write_bytes(mixed(old, path.read_bytes(), rng, chance))
            # What is there now is the disk's.
            shutil.copyfile(path, durable)
        (self.folder / "mizu.db-shm").unlink(missing_ok=True)


def mixed(old, new, rng, chance):
    """Pages of `new` by chance, of `old` otherwise; the length is either's."""
    length = len(new) if rng.random() < chance else len(old)
    if chance == 0:
        return old
    pages = bytearray(length)
    for at in range(0, length, PAGE):
        source = new if rng.random() < chance else old
        part = source[at:min(at + PAGE, length)]
        pages[at:at + len(part)] = part
    return bytes(pages)


def flip(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def copy_database(source, target):
    """The files of a database whose process has ended."""
    os.makedirs(target, exist_ok=True)
    for suffix in FILES:
        path = Path(source) / f"mizu.db{suffix}"
        if path.exists():
            shutil.copyfile(path, Path(target) / path.name)


def chosen(rng, length, count):
    """`count` of the numbers below `length`, or all where there are not so many."""
    return sorted(rng.sample(range(length), min(count, length)))

