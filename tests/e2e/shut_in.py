#!/usr/bin/python3
"""Run a program as shut in as a systemd unit asks for, as far as the kernel does that without systemd.

    tests/e2e/shut_in.py UNIT_FILE PROGRAM [ARGUMENT]...

That is SystemCallFilter with SystemCallErrorNumber, RestrictAddressFamilies, MemoryDenyWriteExecute, NoNewPrivileges,
LimitCORE and LimitMEMLOCK. What the names of groups mean is asked of systemd-analyze.
"""
import ctypes
import errno
import functools
import mmap
import os
import re
import resource
import socket
import struct
import subprocess
import sys

ALLOW, ERRNO = 0x7fff0000, 0x00050000                       # linux/seccomp.h
LOAD, EQUAL, ANY_BIT, RETURN, AND = 0x20, 0x15, 0x45, 0x06, 0x54  # linux/bpf_common.h
NUMBER, ARGUMENTS = 0, 16                                   # offsets in struct seccomp_data, little-endian
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def read_unit(path):
    """{key: [values]} of a unit file."""
    unit = {}
    with open(path, encoding="utf-8") as f:
        for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", f.read(), re.MULTILINE):
            unit.setdefault(key, []).append(value)
    return unit


@functools.lru_cache
def group(name):
    """The system calls of a group such as @system-service."""
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True,
                          check=True).stdout
    names = re.findall(r"^    ([@a-z0-9_-]+)$", text, re.MULTILINE)
    return frozenset().union(*(group(n) if n.startswith("@") else {n} for n in names))


def expand(names):
    return set().union(*(group(n) if n.startswith("@") else {n} for n in names.split()))


def allowed_calls(unit):
    """As systemd.exec(5) has it: the first line makes it a list of what is allowed; later ones add, or with ~ take."""
    allowed = set()
    for line in unit["SystemCallFilter"]:
        allowed = allowed - expand(line[1:]) if line.startswith("~") else allowed | expand(line)
    return allowed | group("@default")


def call_numbers():
    """{name: number} of this machine's system calls."""
    macros = subprocess.run(["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
                            capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", macros, re.MULTILINE)}


class Filter:
    """A seccomp program, instruction by instruction."""

    def __init__(self):
        self.code = []

    def add(self, code, value, if_true=0, if_false=0):
        self.code.append(struct.pack("=HBBI", code, if_true, if_false, value))

    def unless(self, call, argument, test, error):
        """For this call: load an argument, and refuse it where `test` (instructions that skip one if fine) says so."""
        self.add(LOAD, NUMBER)
        self.add(EQUAL, call, 0, len(test) + 2)
        self.add(LOAD, ARGUMENTS + 8 * argument)
        for instruction in test:
            self.add(*instruction)
        self.add(RETURN, ERRNO | error)

    def install(self):
        libc = ctypes.CDLL(None, use_errno=True)
        code = ctypes.create_string_buffer(b"".join(self.code))
        program = struct.pack("HxxxxxxP", len(self.code), ctypes.addressof(code))
        none = ctypes.c_ulong(0)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), none, none, none) != 0 or \
                libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), program, none, none) != 0:
            sys.exit(f"shut_in: prctl: {os.strerror(ctypes.get_errno())}")


def make_filter(unit):
    calls, made = call_numbers(), Filter()
    families = [getattr(socket, name) for name in unit["RestrictAddressFamilies"][0].split()]
    count = len(families)
    made.unless(calls["socket"], 0, [(EQUAL, family, count - i) for i, family in enumerate(families)],
                errno.EAFNOSUPPORT)
    if unit["MemoryDenyWriteExecute"] == ["yes"]:
        both = mmap.PROT_WRITE | mmap.PROT_EXEC
        made.unless(calls["mmap"], 2, [(AND, both), (EQUAL, both, 0, 1)], errno.EPERM)
        for call in ("mprotect", "pkey_mprotect"):
            made.unless(calls[call], 2, [(ANY_BIT, mmap.PROT_EXEC, 0, 1)], errno.EPERM)
    made.add(LOAD, NUMBER)
    for number in sorted(calls[name] for name in allowed_calls(unit) if name in calls):
        made.add(EQUAL, number, 0, 1)
        made.add(RETURN, ALLOW)
    made.add(RETURN, ERRNO | getattr(errno, unit["SystemCallErrorNumber"][0]))
    return made


def set_limits(unit):
    for name in ("CORE", "MEMLOCK"):
        which, text = getattr(resource, f"RLIMIT_{name}"), unit[f"Limit{name}"][0]
        wanted = int(text.rstrip("M")) * (2 ** 20 if text.endswith("M") else 1)
        hard = resource.getrlimit(which)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (limit, limit))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    unit = read_unit(sys.argv[1])
    made = make_filter(unit)
    set_limits(unit)
    made.install()
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
