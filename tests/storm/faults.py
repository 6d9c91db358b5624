"""What goes wrong, and how long. Each is a function of the ground and of dice, runs in a thread of its own, and leaves
everything running again when it returns; but workers, which are started again as they die."""
import random
import resource
import signal
import threading
import time

from tests.lab import patience

FROZEN_FOR = (0.5, 4)


def limit_files(worker, limit):
    """On the size of files that the worker writes: as a full disk, to it alone."""
    try:
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (limit if limit is not None else hard, hard))
    except ProcessLookupError:
        pass


# ---- a worker ----

def worker_kill(worker, _dice):
    worker.signal(signal.SIGKILL)


def worker_stop(worker, _dice):
    worker.was_told_to_stop = True
    worker.signal(signal.SIGTERM)
    end = time.monotonic() + patience(30)
    while worker.alive and worker.was_told_to_stop and time.monotonic() < end:
        time.sleep(0.05)


def worker_freeze(worker, dice):
    worker.freeze()
    time.sleep(dice.uniform(*FROZEN_FOR))
    worker.thaw()


def worker_freeze_cut_off(worker, dice):
    """The broker gives its deliveries to the other one, which has to see that this one does not go on."""
    worker.freeze()
    worker.link.cut()
    time.sleep(dice.uniform(*FROZEN_FOR))
    worker.thaw()


def worker_freeze_till_killed(worker, _dice):
    """Longer than another one waits that wants the host: it kills it. Where none does it is thawed at last."""
    frozen = worker.popen
    worker.freeze()
    worker.link.cut()
    end = time.monotonic() + patience(15)
    while frozen.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    worker.thaw()


def disk_full(worker, dice):
    limit_files(worker, 1)
    time.sleep(dice.uniform(0.3, 3))
    limit_files(worker, None)


def disk_full_and_kill(worker, dice):
    limit_files(worker, 1)
    time.sleep(dice.uniform(0.05, 1))
    worker.signal(signal.SIGKILL)


# ---- its connections to the broker ----

def link_cut(worker, _dice):
    worker.link.cut()


def link_half_closed(worker, dice):
    worker.link.half_close(from_worker=dice.random() < 0.5)
    time.sleep(dice.uniform(0, 1))


def link_slow(worker, dice):
    worker.link.delay_s = dice.uniform(0.05, 0.4)
    time.sleep(dice.uniform(0.5, 3))
    worker.link.delay_s = 0


def link_silent(worker, dice):
    worker.link.is_silent = True
    time.sleep(dice.uniform(0.5, 3))
    if dice.random() < 0.5:
        worker.link.cut()
    worker.link.is_silent = False


# ---- the broker ----

def broker_kill(broker, dice):
    broker.kill()
    time.sleep(dice.uniform(0, 1))
    broker.start()


def broker_stop(broker, _dice):
    broker.stop(60)
    broker.start()


def broker_freeze(broker, dice):
    broker.freeze()
    time.sleep(dice.uniform(0.3, 3))
    broker.thaw()


# ---- libvirtd ----

def libvirtd_kill(host, dice):
    host.kill()
    time.sleep(dice.uniform(0, 2))
    host.start()


def libvirtd_stop(host, _dice):
    host.stop()
    host.start()


def libvirtd_freeze(host, dice):
    host.freeze()
    time.sleep(dice.uniform(*FROZEN_FOR))
    host.thaw()


# What: (how often in a hundred or so, on what)
ALL = {
    worker_kill: (20, "worker"), worker_stop: (6, "worker"), worker_freeze: (8, "worker"),
    worker_freeze_cut_off: (10, "worker"), worker_freeze_till_killed: (3, "worker"),
    disk_full: (6, "worker"), disk_full_and_kill: (5, "worker"),
    link_cut: (9, "worker"), link_half_closed: (5, "worker"), link_slow: (4, "worker"), link_silent: (4, "worker"),
    broker_kill: (4, "broker"), broker_stop: (1, "broker"), broker_freeze: (3, "broker"),
    libvirtd_kill: (7, "host"), libvirtd_stop: (2, "host"), libvirtd_freeze: (6, "host"),
}


def name_of(kind):
    return kind.__name__.replace("_", "-")


class Faults:
    """Injected one after the other, several under way at once, never two on one part."""

    def __init__(self, ground, seed, violations, only=()):
        self.ground, self.violations = ground, violations
        self.kinds = [kind for kind in ALL if not only or name_of(kind) in only]
        assert len(only) in (0, len(self.kinds)), f"there are: {', '.join(map(name_of, ALL))}"
        self.dice = random.Random(f"{seed}/faults")
        self.threads, self.busy, self.counts = [], set(), {}
        self.order = []  # so that even a short storm has them all, or nearly

    @property
    def count(self):
        return sum(self.counts.values())

    def choose(self):
        """By their weights, but each of them once before the heavy ones come again and again."""
        if not self.order:
            kinds = list(self.kinds)
            self.order = kinds + self.dice.choices(kinds, [ALL[kind][0] for kind in kinds], k=2 * len(kinds))
            self.dice.shuffle(self.order)
        return self.order.pop(0)

    def target(self, kind):
        """Mostly of a worker that acts on its host."""
        where = ALL[kind][1]
        if where == "broker":
            return self.ground.broker
        host = self.dice.choice(self.ground.hosts)
        if where == "host":
            return host
        active = self.ground.active_worker(host)
        number, is_active = self.dice.randrange(2), self.dice.random() < 0.85
        return active if is_active else self.ground.workers_of(host)[number]

    def inject(self):
        """The next one; gives what it is, or None where its part is not to be had yet."""
        kind = self.choose()
        target = self.target(kind)
        if target in self.busy or not target.alive:
            self.order.append(kind)
            return None
        self.busy.add(target)
        name = name_of(kind)
        self.counts[name] = self.counts.get(name, 0) + 1
        thread = threading.Thread(target=self._run, args=(kind, target, self.dice.getrandbits(32)), daemon=True)
        self.threads = [t for t in self.threads if t.is_alive()] + [thread]
        thread.start()
        return f"{name} {target.name}"

    def _run(self, kind, target, seed):
        try:
            kind(target, random.Random(seed))
        except Exception as error:  # told to the main thread
            self.violations.add(f"the harness itself: {name_of(kind)} of {target.name}: {error!r}")
        finally:
            self.busy.discard(target)

    def under_way(self):
        return sum(thread.is_alive() for thread in self.threads)

    def wait(self):
        for thread in self.threads:
            thread.join()
