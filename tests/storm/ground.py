"""What the storm blows over: a broker, two hosts, and two workers for each, behind links, started anew as they die."""
import collections
import os
import shutil
import sqlite3
import subprocess
import threading
import time

from tests.lab import Worker, wait_until
from tests.lab.client import DEAD

SETTINGS = {"bus": {"prefetch": 16}, "worker": {"request_timeout_ms": 8000, "hypervisor_wait_ms": 8000, "http": None}}
TOLD = {b"event=tenure-fence": "fences", b"acts on the host now": "takeovers", b"outcome=restored": "secrets restored",
        b"redelivered=yes": "redeliveries answered"}
RESTART_S = 0.3  # as systemd's RestartSec
KEY = {"purpose": "vtpm", "keyVersion": 1, "usageInstance": "tpm0"}


class StormWorker(Worker):
    """Its log comes through a pipe, so that it has a limit on its files and its log has none."""

    def __init__(self, lab, link, host, name, state, told):
        super().__init__(lab, link, [host], name=name, state=state, settings=SETTINGS)
        self.link, self.host, self.told = link, host, told
        self.was_told_to_stop, self.is_held = False, False  # held: by a fault, which starts it again itself
        self.active_since = None

    def launch(self):
        self.was_told_to_stop, self.active_since = False, None
        reader, writer = os.pipe()
        try:
            self.popen = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
                                          cwd=self.folder, start_new_session=True,
                                          env={**os.environ, **self.environment()})
        finally:
            os.close(writer)
        threading.Thread(target=self._pump, args=(reader,), daemon=True).start()
        return self

    def _pump(self, reader):
        with os.fdopen(reader, "rb") as stream, open(self.log, "ab", 0) as log:
            for line in stream:
                log.write(line)
                self.told.update(what for word, what in TOLD.items() if word in line)
                if b"acts on the host now" in line:
                    self.active_since = time.monotonic()

    def is_ready(self):
        return self.log_text().rpartition("event=worker-up")[2].count("event=queue-up") > 0


class Ground:
    """.broker, .hosts, .workers (two for each host, in its order), .others (secrets that no actor defined)."""

    def __init__(self, lab, violations):
        self.lab, self.violations = lab, violations
        self.broker = lab.broker()
        self.hosts = [lab.hypervisor(name) for name in "ab"]
        lab.up(self.broker, *self.hosts)
        self.workers, self.told = [], collections.Counter()
        for host in self.hosts:
            state = lab.make_folder("state-" + host.name)
            for number in "12":
                link = lab.link(self.broker, f"link-{host.name}{number}")
                self.workers.append(StormWorker(lab, link, host, host.name + number, state, self.told))
        for worker in self.workers:  # one after the other: the first makes what both share
            worker.start()
        self.others = [{}, {}]
        self.deaths, self.is_ending = 0, False
        self.supervisor = threading.Thread(target=self._supervise, daemon=True)
        self.supervisor.start()

    def workers_of(self, host):
        return [worker for worker in self.workers if worker.host is host]

    def active_worker(self, host):
        """The one that acts on the host, as far as its log has told."""
        pair = self.workers_of(host)
        return max(pair, key=lambda worker: worker.active_since or 0 if worker.alive else 0)

    def _supervise(self):
        """As systemd does: a worker that has ended is started again."""
        seen = {}
        while not self.is_ending:
            for worker in self.workers:
                if worker.alive or worker.is_held:
                    continue
                if seen.get(worker) is not worker.popen:
                    seen[worker] = worker.popen
                    self._died(worker)
                    worker.start_at = time.monotonic() + RESTART_S
                elif time.monotonic() > worker.start_at:
                    worker.launch()
            time.sleep(0.05)

    def _died(self, worker):
        self.deaths += 1
        status = worker.popen.returncode
        if status != -9 and not (worker.was_told_to_stop and status in (0, 1)):
            self.violations.add(f"{worker.name} ended by itself, with status {status}", worker.log_tail().splitlines())

    def end(self):
        self.is_ending = True
        self.supervisor.join()
        for worker in self.workers:
            worker.thaw()
            worker.kill()

    # When all is calm.
    def settle(self):
        """Until everything runs and the workers consume."""
        for worker in self.workers:
            wait_until(lambda worker=worker: worker.alive and worker.is_ready(), 60, f"{worker.name} to consume")
        for host in self.hosts:
            wait_until(host.is_ready, 30, f"libvirtd of {host.name}")

    def wait_for_drained(self):
        def drained():
            rows = self.broker.rows("queues", "name", "messages")
            return all(row["messages"] == "0" for row in rows if row["name"].startswith("keyferry.host."))
        wait_until(drained, 30, "the queues of the hosts to be drained", every=0.2)

    def secrets(self, host):
        """{usage id: UUID} of ours in libvirt."""
        found = {}
        for secret in host.connection().listAllSecrets():
            if secret.usageID().startswith("keyferry/"):
                found[secret.usageID()] = secret.UUIDString()
        return found

    def ledger(self, host):
        return sqlite3.connect(f"file:{self.workers_of(host)[0].state_dir}/ledger.db?mode=ro", uri=True)

    def ledger_differs(self, host, there):
        """What is wrong with the ledger of a host, whose libvirt has `there`: a list of texts."""
        db = self.ledger(host)
        try:
            rows = db.execute("SELECT uuid, state, 'keyferry/' || purpose || '/' || vm_uuid || '/' || usage_instance || "
                              "'/v' || key_version FROM secrets WHERE host = ?", (host.uuid,)).fetchall()
            undone = db.execute("SELECT id, name, state, attempts FROM inbox WHERE state <> 'done'").fetchall()
        finally:
            db.close()
        wrong = [f"in the ledger {secret} of {usage} is {state}" for secret, state, usage in rows if state != "active"]
        held = {usage: secret for secret, state, usage in rows}
        wrong += [f"the ledger has {held.get(usage)} for {usage}, libvirt has {there.get(usage)}"
                  for usage in held.keys() | there.keys() if held.get(usage) != there.get(usage)]
        wrong += [f"{name} {one} is still {state}" for one, name, state, attempts in undone if attempts < 5]
        return wrong

    def dead_letters(self):
        """All that are there; they are taken."""
        found = []
        with self.broker.connection() as connection:
            channel = connection.channel()
            while True:
                method, properties, body = channel.basic_get(DEAD, auto_ack=True)
                if method is None:
                    return found
                found.append((properties, body))

    def keep_logs(self, folder):
        """Of a storm that found something."""
        os.makedirs(folder, exist_ok=True)
        for worker in self.workers:
            shutil.copy(worker.log, os.path.join(folder, worker.name + ".log"))
        for host in self.hosts:
            shutil.copytree(self.workers_of(host)[0].state_dir, os.path.join(folder, "state-" + host.name),
                            dirs_exist_ok=True)
        shutil.copy(self.broker.log, os.path.join(folder, "broker.log"))
