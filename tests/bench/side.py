"""What the benches share: programs and workers to measure side by side, and their sections of RESULTS.md."""
import datetime
import glob
import json
import os
import platform
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))

from tests.lab import Lab, LabError, REPO, wait_until
from tests.lab.process import Process, patience

MSGPACK = "-lmsgpack-c" if glob.glob("/usr/lib/*/libmsgpack-c.so") else "-lmsgpackc"  # renamed with version 6
BUILD = os.path.join(REPO, "build", "bench")
RESULTS = os.path.join(HERE, "RESULTS.md")
PROGRAMS = {"load": ["load.c", "bench.c"], "echo": ["echo.c", "bench.c"], "commits": ["commits.c", "bench.c"],
            "bare_worker": ["bare_worker.c", "bare.c", "bench.c"], "hv_loop": ["hv_loop.c", "bare.c", "bench.c"],
            "hv_open": ["hv_open.c"]}
# The command of each worker that is not ours, without its URL, queue and libvirt URI.
OTHERS = {"python": ["/usr/bin/python3", os.path.join(HERE, "py_worker.py")],
          "oslo": ["/usr/bin/python3", os.path.join(HERE, "oslo_worker.py")],
          "bare": [os.path.join(BUILD, "bare_worker")], "echo": [os.path.join(BUILD, "echo"), "plain"],
          "confirmed echo": [os.path.join(BUILD, "echo"), "confirmed"]}
OURS = {"keyferryd": "build", "keeping": "build/bench"}  # the second's free() does not wipe


def build():
    os.makedirs(BUILD, exist_ok=True)
    for name, sources in PROGRAMS.items():
        # -Wno-cpp: newer librabbitmq's headers have moved, and the old ones only warn.
        subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wno-cpp", "-o",
                        os.path.join(BUILD, name), *(os.path.join(HERE, source) for source in sources),
                        "-lrabbitmq", MSGPACK, "-lvirt", "-lsqlite3", "-lpthread"], check=True)


def begin(name, *arguments):
    return subprocess.Popen([os.path.join(BUILD, name), *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def end(process):
    """What a program reports."""
    out, error = process.communicate()
    if process.returncode:
        raise LabError(f"{process.args[0]}: {error}")
    report = json.loads(out)
    if report["failed"]:
        raise LabError(f"{process.args[0]}: {report['failed']} requests failed")
    return report


def measure(name, *arguments):
    return end(begin(name, *arguments))


def cpu_seconds(pid):
    """All threads' time on a processor (proc(5): schedstat counts ns)."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))


class Other(Process):
    """A worker that is not ours, on the host's queue; or, where it declares its queue itself, on one of its own."""

    def __init__(self, lab, broker, hypervisor, command, declares):
        super().__init__(lab, "worker-" + hypervisor.name)
        self.broker, self.uri, self.command = broker, hypervisor.uri, command
        self.queue = ("own." if declares else "keyferry.") + f"host.{hypervisor.hex}"
        if declares:
            return
        with broker.connection() as connection:
            channel = connection.channel()
            channel.exchange_declare("keyferry.p2p", "topic", durable=True)
            channel.queue_declare(self.queue, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(self.queue, "keyferry.p2p", f"host.{hypervisor.hex}")

    def argv(self):
        return [*self.command, self.broker.url, self.queue, self.uri]

    def is_ready(self):
        return (self.broker.queue(self.queue) or (0, 0))[1] > 0

    def end(self):
        self.kill()


def start_worker(kind, lab, broker, *hypervisors):
    if kind in OURS:
        worker = lab.worker(broker, *hypervisors, settings={"worker": {"log_level": "error"}}, build=OURS[kind])
    else:
        worker = Other(lab, broker, hypervisors[0], OTHERS[kind], kind == "oslo")
        lab.parts.append(worker)
    return worker.start()


def target(broker, hypervisor):
    return broker.url, f"host.{hypervisor.hex}", hypervisor.uuid


def in_turn(rounds, kinds, one):
    """{kind: {figure: median}} of one(kind, round), each kind in each round."""
    found = {}
    for number in range(rounds):
        for kind in kinds:
            figures = one(kind, number)
            found.setdefault(kind, []).append(figures)
            print(f"  {number + 1}, {kind}: " + ", ".join(f"{name} {value:,.4g}" for name, value in figures.items()),
                  file=sys.stderr, flush=True)
    return {kind: {figure: statistics.median(one[figure] for one in every) for figure in every[0]}
            for kind, every in found.items()}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    versions = subprocess.run(["dpkg-query", "-W", "-f", ", ${Package} ${Version}", "rabbitmq-server",
                               "libvirt-daemon"], capture_output=True, text=True, check=False).stdout
    return f"{os.cpu_count()} × {cpu}, Linux {platform.release()}{versions}"


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def verdict(what, value, unit, bound, limit):
    """`bound` is "at least" or "at most"."""
    reached = value >= limit if bound == "at least" else value <= limit
    return f"- {what}: {value:.2f} {unit}, {bound} {limit:g}: {'reached' if reached else '**not reached**'}"


class Section:
    """One of RESULTS.md, from where it was begun (the machine's load is noted) until it is written."""

    def __init__(self, title, command):
        self.title, self.command, self.load = title, command, os.getloadavg()[0]

    def write(self, about, *parts):
        head = (f"## {self.title}\n\n`{self.command}` on {datetime.date.today()}, {machine()}; load average before it "
                f"{self.load:.1f}.\n")
        text = head + about.strip() + "\n\n" + "\n\n".join(parts) + "\n"
        print(text)
        with open(RESULTS, encoding="utf-8") as f:
            before, found, after = f.read().partition(f"## {self.title}\n")
        rest = after[after.index("\n## ") + 1:] if found and "\n## " in after else ""
        with open(RESULTS, "w", encoding="utf-8") as f:
            f.write(before.rstrip("\n") + "\n\n" + text + ("\n" + rest if rest else ""))
