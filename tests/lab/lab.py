"""The lab as a whole: one folder, its parts, and their end."""
import atexit
import json
import os
import pwd
import shutil
import signal
import sys
import tempfile

from .broker import Broker
from .browser import Browser
from .client import Client
from .cluster import Cluster
from .hypervisor import Hypervisor
from .keymanager import KeyManager
from .link import Link
from .listener import Listener
from .machine import Machine
from .process import LabError, start_time
from .prometheus import Prometheus
from .proxy import Proxy
from .service import FakeHost
from .wire import Wire
from .worker import REPO, Worker, program

__all__ = ["Lab", "REPO", "program", "stop_kept"]


class Lab:
    """A context: whatever was made with it ends with it, also on failure, Ctrl-C, SIGTERM and SIGHUP."""

    def __init__(self):
        # Short, since a UNIX socket's path ends at 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="kf.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.parts = []
        self.kept = False
        self.handlers = {}

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.handlers[number] = signal.signal(number, lambda n, _: sys.exit(128 + n))
        atexit.register(self.end)
        return self

    def __exit__(self, *_):
        self.end()
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        atexit.unregister(self.end)

    def make_folder(self, name, user=None):
        path = os.path.join(self.folder, name)
        missing = []
        top = path
        while not os.path.isdir(top):
            missing.insert(0, top)
            top = os.path.dirname(top)
        for folder in missing:
            os.mkdir(folder, 0o700)
            if user and os.getuid() == 0:
                os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        return path

    def _add(self, part):
        self.parts.append(part)
        return part

    def broker(self, name="broker", **options):
        return self._add(Broker(self, name, **options))

    def cluster(self, name="cluster", **options):
        return self._add(Cluster(self, name, **options))

    def hypervisor(self, name, **options):
        return self._add(Hypervisor(self, name, **options))

    def worker(self, broker, *hypervisors, **options):
        return self._add(Worker(self, broker, hypervisors, **options))

    def client(self, broker, url=None, **options):
        return self._add(Client(broker, url, **options))

    def keymanager(self, broker, **options):
        return self._add(KeyManager(broker, **options))

    def fake_host(self, broker, answers=None, **options):
        return self._add(FakeHost(broker, answers, **options))

    def proxy(self, hypervisor):
        return self._add(Proxy(self, hypervisor))

    def listener(self, broker, key="#"):
        return self._add(Listener(broker.connection(), key))

    def link(self, broker, name="link"):
        return self._add(Link(broker, name))

    def machine(self, **options):
        return self._add(Machine(self, **options))

    def browser(self, **options):
        return self._add(Browser(self, **options))

    def prometheus(self, *workers, **options):
        return self._add(Prometheus(self, [f"127.0.0.1:{worker.port}" for worker in workers], **options))

    def wire(self, broker, vhost="%2F"):
        return self._add(Wire(broker, vhost))

    def up(self, *parts):
        """Start several at once, and wait for all. Gives them back."""
        for part in parts:
            part.launch()
        for part in parts:
            part.wait_ready()
        return parts

    def drop(self, part):
        """End one part now."""
        self.parts.remove(part)
        part.end()

    def end(self):
        if self.kept:
            return
        while self.parts:
            part = self.parts.pop()
            try:
                part.end()
            except Exception as e:  # the others must still end
                print(f"lab: {part}: {e}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self):
        """Leave everything running when the block ends. stop_kept(folder) ends it."""
        pids = [pid for part in self.parts for pid in part.processes()]
        with open(os.path.join(self.folder, "kept"), "w", encoding="utf-8") as f:
            json.dump({pid: start_time(pid) for pid in pids}, f)
        self.kept = True


def stop_kept(folder):
    """End what Lab.keep() left running, and nothing else, and remove its folder."""
    try:
        with open(os.path.join(folder, "kept"), encoding="utf-8") as f:
            kept = json.load(f)
    except (OSError, ValueError) as e:
        raise LabError(f"{folder} is no lab that was left running: {e}") from None
    for part in os.listdir(folder):  # VMs that were started since
        host = Hypervisor.__new__(Hypervisor)
        host.folder = os.path.join(folder, part)
        kept.update({pid: start_time(pid) for pid in host.vm_pids()})
    for pid, started in kept.items():
        if started is not None and start_time(int(pid)) == started:
            os.kill(int(pid), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
