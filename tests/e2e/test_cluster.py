"""A broker of three nodes: one of them dies or is cut off, and the worker goes on with the others."""
import base64
import os
import random
import re
import shutil
import signal
import threading
import time

from tests.e2e.base import Scenario, usage_id
from tests.lab import REPO, LabError, patience, wait_until
from tests.storm.load import Load
from tests.storm.model import Violations

ROUNDS = int(os.environ.get("KEYFERRY_ROUNDS") or 1)
ROUND_SECONDS = 180
BACK_WITHIN_S = 15
BURST, PAUSE_S = 10, 0.05  # of the load
HEARTBEAT_S = 4
LOGS = os.path.join(REPO, "build/cluster")  # of a round that went wrong


class Watched(Load):
    """A load that goes on by itself, and knows when it was answered."""

    def __init__(self, cluster, hosts, violations):
        self.times, self.is_fed = [], True  # of each request: when it was first asked, when it was answered
        super().__init__(cluster, hosts, random.randrange(10 ** 6), violations)
        self.feeder = threading.Thread(target=self._feed, daemon=True)
        self.feeder.start()

    def _feed(self):
        while self.is_fed:
            if self.allowance < BURST:
                self.allow(BURST)
            time.sleep(PAUSE_S)

    def check_outcome(self, request, reply):
        if request.outcome is None:
            self.times.append((request.told[0][0], time.time()))
        super().check_outcome(request, reply)

    def is_under_way(self):
        return len(self.times) > 200

    def answer_to_one_asked_since(self, when):
        """When that came, or None."""
        return next((answered for asked, answered in self.times if asked > when), None)

    def longest_silence(self, since):
        answered = [since, *(answered for _, answered in self.times if answered > since)]
        return max(later - earlier for earlier, later in zip(answered, answered[1:]))

    def finish(self, enough):
        self.is_fed = False
        super().finish(enough)


class Cluster(Scenario):
    takes_long = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = cls.lab.cluster()
        cls.addClassCleanup(cls.lab.drop, cls.cluster)
        cls.cluster.start()
        cls.hosts = [cls.a.alias(), cls.b.alias()]
        cls.queues = ["keyferry.host." + host.hex for host in cls.hosts]
        cls.one = cls.lab.worker(cls.cluster, *cls.hosts, name="of-a-cluster",
                                 settings={"bus": {"heartbeat_s": HEARTBEAT_S}})
        cls.addClassCleanup(cls.lab.drop, cls.one)
        cls.one.start()

    def setUp(self):
        super().setUp()
        signal.alarm(int(patience(ROUND_SECONDS * ROUNDS)))
        client = self.with_part(self.lab.client(self.cluster, self.cluster.nodes[0].url))
        for host in self.hosts:
            host.public_key = base64.b64decode(client.ask("HostEnvelopeKeyGetMsg", host)["publicKey"])

    # The nodes.
    def leader(self):
        return self.cluster.leader(self.queues[0])

    def connected(self):
        """The node that the worker consumes from."""
        port = re.findall(r"event=broker-up .*127\.0\.0\.1:(\d+)", self.one.log_text())[-1]
        return next(node for node in self.cluster.nodes if node.port == int(port))

    @staticmethod
    def wake(node):
        """RabbitMQ (3.10.8) does not see that the others had given this one up: it goes on beside them, as another
        cluster, until it is started again."""
        node.thaw()
        wait_until(node.is_ready, 20, "the node to have woken")
        node.restart()

    def rejoin(self, node):
        """It comes back by itself, but the next round would not always find a cluster in order (RabbitMQ 3.10.8)."""
        self.cluster.join(node)
        node.restart()

    # A round.
    def goes_on(self, what, choose, hurt, mend, sender_stays=True):
        """Under load `hurt` is done to the node that choose() gives, and `mend` when the service is back."""
        for _ in range(ROUNDS):
            violations = Violations(lambda *lines: print(*lines, sep="\n", flush=True))
            load = Watched(self.cluster, self.hosts, violations)
            try:
                self.one_round(what, load, choose, hurt, mend, sender_stays)
                self.assertEqual([], violations.found)
            except BaseException:
                self.keep_logs()
                raise
            finally:
                load.end()

    def keep_logs(self):
        os.makedirs(LOGS, exist_ok=True)
        for part in (self.one, *self.cluster.nodes):
            shutil.copy(part.log, os.path.join(LOGS, part.name + ".log"))

    def one_round(self, what, load, choose, hurt, mend, sender_stays):
        wait_until(load.is_under_way, 30, "some answers")
        queues = [*self.queues, load.sender.replies]
        wait_until(lambda: self.cluster.is_whole(queues), 30, "all queues to be on all nodes")
        node = choose()
        if not sender_stays:
            load.sender.avoid(node.port)
            wait_until(lambda: load.sender.is_elsewhere(node.port), 30, "the sender to be at another node")
        before = time.time()
        hurt(node)
        since = time.time()
        answered = wait_until(lambda: load.answer_to_one_asked_since(since), 60, "an answer", every=0.005)
        mend(node)
        wait_until(lambda: self.cluster.is_whole(queues), 90, "the cluster to be whole", every=0.5)
        self.all_is_told(load)
        silence = load.longest_silence(before)
        print(f"      back after {answered - since:.2f} s, longest silence {silence:.2f} s, {load.asked} requests: {what}",
              flush=True)
        self.assertLess(max(answered - since, silence), patience(BACK_WITHIN_S))

    def all_is_told(self, load):
        """Everything is answered, and what the answers say is what is there."""
        load.finish(load.asked)
        try:
            wait_until(load.is_finished, 60, "all requests to be answered")
        except LabError as error:
            self.fail("\n".join([str(error), *(line for ask in list(load.open)[:3] for line in [
                *ask.request.actor.history(), *self.told_of(ask.request.id)])]))
        for queue in self.queues:
            self.cluster.nodes[0].wait_for_drained(queue)
        self.assertEqual([], self.one.ask_ledger("SELECT id, name, state FROM inbox WHERE state <> 'done'"))
        for actor in load.actors:
            there = [host.hypervisor.secret_of(usage_id(actor.key), "vtpm") for host in self.hosts]
            self.assertTrue(actor.walk.observe(actor.seen_at(there)),
                            f"libvirt has {there}, the answers leave {actor.walk.possible}\n" + "\n".join(actor.history()))

    def told_of(self, request_id):
        return [line for line in self.one.log_text().splitlines() if f"id={request_id} " in line]

    def test_the_node_that_leads_a_queue_dies(self):
        self.goes_on("the leader is killed", self.leader, lambda node: node.kill(), lambda node: node.start())

    def test_the_node_that_the_worker_is_connected_to_dies(self):
        self.goes_on("the connected node is killed", self.connected, lambda node: node.kill(), lambda node: node.start())

    def test_the_node_that_the_worker_is_connected_to_stands_still(self):
        self.goes_on("the connected node is stopped", self.connected, lambda node: node.freeze(), self.wake,
                     sender_stays=False)

    def test_the_node_that_the_worker_is_connected_to_is_cut_off_from_the_others(self):
        self.goes_on("the connected node is cut off", self.connected, self.cluster.cut_off, self.rejoin,
                     sender_stays=False)
