"""One process of the lab: started in its own session, ready by a condition, ended by its pid."""
import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import time

# Under valgrind or a sanitizer everything takes longer: KEYFERRY_PATIENCE multiplies every wait.
PATIENCE = float(os.environ.get("KEYFERRY_PATIENCE") or (3 if "san" in os.environ.get("KEYFERRY_BUILD", "") else 1))


class LabError(Exception):
    """A part of the lab is not as it should be; the text holds the tail of its log."""


def patience(seconds):
    return seconds * PATIENCE


def wait_until(condition, seconds=10, what=None, every=0.02):
    """Return the first true value of condition(), or fail after `seconds`."""
    end = time.monotonic() + patience(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {patience(seconds):g} s in vain for {what or condition.__name__}")
        time.sleep(every)


ours = []  # ports, held as locked files


def free_port():
    """A loopback port nobody uses, below the range from which the kernel hands out ports by itself. It is ours as long as
    this process lives: whoever else asks for one here meanwhile, and before it is listened on, gets another."""
    folder = os.path.join(tempfile.gettempdir(), f"keyferry-ports-{os.getuid()}")
    os.makedirs(folder, 0o700, exist_ok=True)
    while True:
        port = random.randint(20000, 31999)
        held = open(os.path.join(folder, str(port)), "w", encoding="ascii")
        with socket.socket() as s:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                s.bind(("127.0.0.1", port))
                ours.append(held)
                return port
            except OSError:
                held.close()


def answers(port, say=b""):
    """True if something on the loopback port accepts, and (where something is said to it) answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.settimeout(2)
            s.sendall(say)
            return not say or bool(s.recv(1))
    except OSError:
        return False


def start_time(pid):
    """When a process started, in clock ticks since boot: with its pid, its identity. None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            state, *rest = f.read().rpartition(")")[2].split()
            return None if state == "Z" else int(rest[18])
    except OSError:
        return None


class Process:
    """Subclasses say how: argv(), environment(), is_ready(). All of it may be called again after a stop."""

    ready_within = 30
    user = None  # to run as, where we are root

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.folder = lab.make_folder(name, self.user)
        self.log = os.path.join(self.folder, "log")
        self.popen = None

    def argv(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def is_ready(self):
        return True

    def launch(self):
        """Start without waiting."""
        if self.alive:
            raise LabError(f"{self.name} runs already")
        who = {"user": self.user, "group": "nogroup", "extra_groups": []} if self.user and os.getuid() == 0 else {}
        try:
            with open(self.log, "ab") as log:
                self.popen = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              cwd=self.folder, start_new_session=True,
                                              env={**os.environ, **self.environment()}, **who)
        except OSError as e:
            raise LabError(f"{self.name} cannot be started: {e}") from None
        return self

    def wait_ready(self):
        end = time.monotonic() + patience(self.ready_within)
        while not self.is_ready():
            if not self.alive:
                raise LabError(f"{self.name} ended at once, with status {self.popen.returncode}\n{self.log_tail()}")
            if time.monotonic() > end:
                raise LabError(f"{self.name} was not ready within {patience(self.ready_within):g} s\n{self.log_tail()}")
            time.sleep(0.02)
        return self

    def start(self):
        return self.launch().wait_ready()

    def restart(self):
        """Kill -9 and start again."""
        self.kill()
        return self.start()

    @property
    def alive(self):
        return self.popen is not None and self.popen.poll() is None

    @property
    def pid(self):
        return self.popen.pid if self.popen else None

    def signal(self, number):
        if self.alive:
            self.popen.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self, within=30):
        """SIGTERM, and wait for its end. Gives its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait_end(within)

    def wait_end(self, within=30):
        """Gives its exit status. Past `within` it is killed and that is an error."""
        try:
            return self.popen.wait(patience(within)) if self.popen else None
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(f"{self.name} did not end within {patience(within):g} s\n{self.log_tail()}") from None

    def kill(self):
        """SIGKILL, and what it leaves behind."""
        if self.alive:
            self.popen.kill()
        if self.popen:
            self.popen.wait()

    def processes(self):
        """All pids to end when the lab ends without us (see Lab.keep)."""
        return [self.pid] if self.alive else []

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def log_tail(self, lines=25):
        tail = "\n".join("    " + line for line in self.log_text().splitlines()[-lines:])
        return f"  the end of {self.log}:\n{tail or '    (empty)'}"
