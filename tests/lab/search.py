"""Search for secrets that may be nowhere: in the memory of processes, below folders, in whatever was said."""
import base64
import collections
import errno
import os
import re

from .process import LabError

PIECES_MAX = 4

Find = collections.namedtuple("Find", "place secret form locked")  # locked: never swapped, and in no core file
Region = collections.namedtuple("Region", "start end kind flags")

KERNELS_OWN = ("[vvar]", "[vvar_vclock]", "[vsyscall]")  # cannot be read
NOTHING = re.compile(rb"\0{4096,}")
REGION = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)$")


def cut(text, size):
    """Pieces of that size, side by side; of a long text some, from all over it."""
    pieces = [text[at:at + size] for at in range(0, len(text) - size + 1, size)]
    return pieces[::-(-len(pieces) // PIECES_MAX)]


def base64_after(secret, others):
    """What base64 says of a secret that stands after so many other bytes, less the characters that tell of those too."""
    text = base64.b64encode(bytes(others) + secret)
    return text[-(-others * 8 // 6):(others + len(secret)) * 8 // 6]


def forms_of(secret):
    """{form: pieces}. Each stands for 8 bytes (7½ in base64), and one is a find: whoever frees or overwrites memory
    does not do it from end to end."""
    return {"raw": cut(secret, 8), "hex": cut(secret.hex().encode(), 16), "HEX": cut(secret.hex().upper().encode(), 16),
            **{f"base64 after {n}": cut(base64_after(secret, n), 10) for n in range(3)}}


def stack_pointers(pid):
    """Where the stack of each thread that waits in a system call ends."""
    pointers = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/syscall", encoding="ascii") as f:
            pointers += [int(word, 16) for word in f.read().split()[-2:-1]]
    return pointers


def regions_of(pid):
    """What a process can read of its memory, but for files that it cannot write to, or did not: Regions with smaps'
    VmFlags. `kind` is heap, stack, stack of a thread, file, anonymous, or the kernel's name for it."""
    found, header, pointers = [], None, stack_pointers(pid)
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
        for line in f:
            key, _, value = line.partition(":")
            if REGION.match(line):
                header = REGION.match(line).groups()
            elif key == "Anonymous":
                changed = value.split()[0] != "0"
            elif key == "VmFlags":
                start, end, may, inode, name = int(header[0], 16), int(header[1], 16), *header[2:]
                kind = name.strip("[]") if name.startswith("[") else "file" if inode != "0" else "anonymous"
                if kind == "anonymous" and any(start <= pointer < end for pointer in pointers):
                    kind = "stack of a thread"
                can_hold = kind != "file" or may[3] == "s" or (changed and "w" in may)
                if "r" in may and name not in KERNELS_OWN and can_hold:
                    found.append(Region(start, end, kind, value.split()))
    return found


class Search:
    """For secrets, {name: bytes}. `seen` counts the bytes looked at, of each kind of place."""

    def __init__(self, **secrets):
        self.needles, self.seen = [], collections.Counter()
        for name, secret in secrets.items():
            self.add(name, secret)

    def add(self, name, secret):
        self.needles += [(name, form, piece) for form, pieces in forms_of(secret).items() for piece in pieces]

    def in_bytes(self, data, place, kind="bytes", locked=False):
        self.seen[kind] += len(data)
        data = NOTHING.sub(bytes(16), data)
        return sorted({Find(place, name, form, locked) for name, form, piece in self.needles if piece in data})

    def in_process(self, pid):
        """All its memory as it is at one moment: who is looked at should have come to rest."""
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            copies = [(region, self._copy(pid, memory, region)) for region in regions_of(pid)]
        return [find for region, copy in copies for find in self.in_bytes(
            copy, f"process {pid}, {region.kind} at {region.start:x}", region.kind, {"lo", "dd"} <= set(region.flags))]

    @staticmethod
    def _is_gone(pid, region):
        """Unmapped since it was listed, or behind the end of its file."""
        return region.kind == "file" or not any(r.start <= region.start < r.end for r in regions_of(pid))

    def _copy(self, pid, memory, region):
        memory.seek(region.start)
        parts, left = [], region.end - region.start
        while left:
            try:
                part = memory.read(min(left, 1 << 20))
            except OSError as e:
                if e.errno != errno.EIO or not self._is_gone(pid, region):
                    raise LabError(f"{region.kind} at {region.start:x} cannot be read: {e}") from e
                break
            if not part:
                raise LabError(f"{region.kind} at {region.start:x} cannot be read")
            left -= len(part)
            parts.append(NOTHING.sub(bytes(16), part))
        return b"".join(parts)

    def in_folder(self, folder, but=()):
        """All files below it, and their names; not those whose path is in `but`."""
        finds = []
        for top, folders, files in os.walk(folder, onerror=self._fail):
            finds += self.in_bytes("\n".join(folders + files).encode(errors="surrogateescape"), top, "names")
            for path in (os.path.join(top, name) for name in files):
                if path not in but and os.path.isfile(path) and not os.path.islink(path):
                    finds += self._in_file(path)
        return finds

    def _in_file(self, path):
        try:
            with open(path, "rb") as f:
                return self.in_bytes(f.read(), path, "file in a folder")
        except FileNotFoundError:
            return []  # who owns the folder goes on working

    @staticmethod
    def _fail(error):
        raise error
