"""A Debian machine of its own: nothing in it but the base system, systemd and libvirt; what is done to it ends with it."""
import fcntl
import os
import resource
import shutil
import subprocess

from .process import LabError, Process, start_time, wait_until
from .worker import REPO

PACKAGES = ("libvirt-daemon-system", "libvirt-daemon-driver-qemu", "libvirt-clients", "polkitd")


def run(*words, **options):
    """Gives what it prints."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          check=False, **options)
    if done.returncode:
        raise LabError(f"{' '.join(words)} ended with status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def codename():
    with open("/etc/os-release", encoding="utf-8") as f:
        return dict(line.strip().split("=", 1) for line in f if "=" in line)["VERSION_CODENAME"]


def apt_sources():
    """This machine's own sources of Debian, as lines of a sources.list."""
    lines = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
                "Created-By: Packages", "Origin: Debian").splitlines()
    return [f"deb {uri} {release} {component}" for uri, release, component, _ in sorted({tuple(x.split()) for x in lines})]


def make_base(path):
    """The machine as it is before anything is done to it, in the folder `path`."""
    sources = apt_sources()
    uri = next(line.split()[1] for line in sources if line.split()[2] == codename())
    run("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", codename(), path, uri)
    with open(f"{path}/etc/apt/sources.list", "w", encoding="utf-8") as f:
        f.write("\n".join(sources) + "\n")
    with open(f"{path}/etc/apt/apt.conf.d/00host", "w", encoding="utf-8") as f:  # proxies and the like
        f.writelines(line + "\n" for line in run("apt-config", "dump").splitlines() if line.startswith("Acquire"))
    shutil.copy("/etc/resolv.conf", f"{path}/etc/resolv.conf")
    inside = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("unshare", "--mount", "--pid", "--fork", "--mount-proc=/proc", f"--root={path}", "sh", "-c",
        f"apt-get -qq update && apt-get -qq install -y --no-install-recommends {' '.join(PACKAGES)} && apt-get clean",
        env=inside)


def make_ready():
    """The folder of one that was made before, or is made now."""
    path = os.path.join(REPO, "build", "machine-" + codename())
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            shutil.rmtree(path + ".new", ignore_errors=True)
            make_base(path + ".new")
            os.rename(path + ".new", path)
    return path


class Machine(Process):
    """start() boots it; run() runs a command in it; it shares the network with us. What it writes is kept nowhere.
    `shared`: a folder of ours that it has as /srv."""

    ready_within = 60

    def __init__(self, lab, name="machine", shared=None):
        super().__init__(lab, name)
        self.shared = shared
        self.leader = None

    def argv(self):
        return ["systemd-nspawn", "-q", "-D", make_ready(), "--volatile=overlay", "-b", "--keep-unit", "--register=no",
                "--console=pipe", "--capability=CAP_IPC_LOCK",
                f"--rlimit=RLIMIT_MEMLOCK={resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]}", *([f"--bind-ro={self.shared}:/srv"] if self.shared else [])]

    def is_ready(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as f:
            self.leader = next(iter(f.read().split()), None)  # the first is one that makes the machine's, and ends
        return self.leader and self.status("systemctl", "is-system-running")[1].strip() in ("running", "degraded")

    def status(self, *words, **options):
        """(exit status, what it prints) of a command in the machine."""
        done = subprocess.run(["nsenter", "-t", self.leader, "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                               "DEBIAN_FRONTEND=noninteractive", "LANG=C.UTF-8", *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
        return done.returncode, done.stdout

    def run(self, command):
        """A line of shell, as root; gives what it prints. One that fails is an error."""
        status, said = self.status("sh", "-ec", command)
        if status:
            raise LabError(f"{command}\nin the machine ended with status {status}\n{said[-3000:]}")
        return said

    def write(self, path, text, mode="644"):
        with subprocess.Popen(["nsenter", "-t", self.leader, "-a", "install", "-D", "-m", mode, "/dev/stdin", path],
                              stdin=subprocess.PIPE, text=True) as process:
            process.communicate(text)
        if process.returncode:
            raise LabError(f"{path} could not be written in the machine")

    def end(self):
        """Power it off; what does not go within a while is killed, by its first process."""
        if not self.alive:
            return
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            if self.leader and start_time(self.leader) is not None:
                os.kill(int(self.leader), 9)
            self.kill()
        wait_until(lambda: not self.leader or start_time(self.leader) is None, 10, "the machine to end")
