"""The worker as deploy/systemd/keyferry.service shuts it in."""
import os
import signal
import subprocess

from tests.e2e.base import NOT_FOUND, Scenario, new_dek, new_key
from tests.e2e.shut_in import call_numbers
from tests.lab import REPO, Worker, wait_until

SHUT_IN = [os.path.join(REPO, "tests/e2e/shut_in.py"), os.path.join(REPO, "deploy/systemd/keyferry.service")]

# What a worker that was taken over might try.
CALLS = ("ptrace process_vm_readv mount umount2 chroot pivot_root setns unshare bpf perf_event_open io_uring_setup "
         "userfaultfd keyctl add_key init_module kexec_load reboot swapon settimeofday setuid setgid setgroups capset "
         "fchown personality open_by_handle_at quotactl acct memfd_create shmget").split()
FAMILIES = ("AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH")
TRY = """
import ctypes, errno, mmap, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
for name in sys.argv[1].split():
    try:
        print(name, socket.socket(getattr(socket, name), socket.SOCK_RAW))
    except OSError as e:
        assert e.errno == errno.EAFNOSUPPORT, (name, e)
for number in sys.argv[2].split():
    if libc.syscall(int(number), 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
        print("call", number, os.strerror(ctypes.get_errno()))
try:
    print(mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
except PermissionError:
    pass
"""


class ShutInWorker(Worker):
    def argv(self):
        return [*SHUT_IN, *super().argv()]

    def environment(self):
        options = os.environ.get("ASAN_OPTIONS", "")
        # The leak check at the end would need ptrace.
        return {**super().environment(), "ASAN_OPTIONS": options + ":detect_leaks=0"}


class Service(Scenario):
    def test_the_filter_lets_the_worker_do_all_of_its_work(self):
        host, other = self.a.alias(), self.a.alias()
        hosts = self.lab.make_folder("hosts-" + other.uuid)
        url = f"amqp://guest:guest@localhost:{self.broker.port}/%2F"  # a name, to be looked up
        worker = ShutInWorker(self.lab, self.broker, [host],
                              settings={"bus": {"url": url}, "worker": {"hosts_dir": hosts}}).start()
        self.addCleanup(worker.end)
        key, dek = new_key(), new_dek()
        secret = self.defined(host, key, dek)
        self.vm(self.a, "encrypted", secret, key["vmUuid"])
        self.assertEqual(secret, self.succeeds(self.pre_migrate(host, self.b, key, dek))["secretUuid"])
        self.assertEqual("none", self.succeeds(self.post_migrate(host, self.b, key, "success"))["deletedOn"])
        worker.signal(signal.SIGHUP)
        self.client.publish("host." + host.hex, b"no envelope", content_type="application/json")
        self.succeeds(self.delete(host, key, force=True))
        self.refuses(self.get(host, key), NOT_FOUND)
        with open(os.path.join(hosts, other.uuid + ".conf"), "w", encoding="utf-8") as f:
            f.write(f"libvirt_uri = {other.uri}\n")
        wait_until(lambda: f"queue=keyferry.host.{other.hex}" in worker.log_text(), 20, "the other host")
        self.lives(other)
        self.assertEqual(0, worker.stop())

    def test_the_filter_refuses_what_the_worker_never_does(self):
        numbers = call_numbers()
        calls = " ".join(str(numbers[name]) for name in CALLS)
        run = subprocess.run([*SHUT_IN, "/usr/bin/python3", "-c", TRY, " ".join(FAMILIES), calls], capture_output=True,
                             text=True, check=False)
        self.assertEqual((0, "", ""), (run.returncode, run.stdout, run.stderr))
