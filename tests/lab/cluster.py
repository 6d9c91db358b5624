"""RabbitMQ nodes that are one broker: with one epmd and one cookie, all on this machine's loopback."""
import os

from .broker import Broker, Epmd
from .process import LabError, wait_until

COOKIE = "KEYFERRYLAB"


class Cluster:
    """start(); .nodes, each a Broker; .url, those of all of them. A node that has not been heard of for `tick_s` (5/4 of it
    at most) is taken for dead by the others; one that is cut off stops serving until it sees them again."""

    def __init__(self, lab, name="cluster", size=3, tick_s=4):
        self.lab, self.name, self.tick_s = lab, name, tick_s
        self.folder = lab.make_folder(name)
        self.epmd = Epmd(lab, name + "-epmd")
        cookie = os.open(os.path.join(self.folder, ".erlang.cookie"), os.O_WRONLY | os.O_CREAT, 0o400)
        os.write(cookie, COOKIE.encode())
        os.close(cookie)
        names = [f"{name}{number + 1}" for number in range(size)]
        settings = ["cluster_partition_handling = pause_minority",
                    "cluster_formation.peer_discovery_backend = classic_config",
                    *(f"cluster_formation.classic_config.nodes.{i + 1} = {each}@localhost" for i, each in enumerate(names))]
        self.nodes = [Broker(lab, each, settings=settings, of=self) for each in names]

    @property
    def url(self):
        return ",".join(node.url for node in self.nodes)

    def launch(self):
        self.epmd.start()
        for node in self.nodes:
            node.launch()
        return self

    def wait_ready(self):
        for node in self.nodes:
            node.wait_ready()
        wait_until(lambda: self.is_whole([]), 60, "the nodes to have found each other", every=0.2)
        return self

    def start(self):
        return self.launch().wait_ready()

    def end(self):
        for node in self.nodes:
            node.end()
        self.epmd.kill()

    def processes(self):
        return self.epmd.processes() + [pid for node in self.nodes for pid in node.processes()]

    @staticmethod
    def running(node):
        """How many nodes run, as this one sees it; none where it does not run itself."""
        try:
            return int(node.ctl("eval", "length(rabbit_nodes:all_running())."))
        except LabError:
            return 0

    def leader(self, queue):
        """The node that leads a quorum queue."""
        row = next(row for row in self.nodes[0].rows("queues", "name", "leader") if row["name"] == queue)
        return next(node for node in self.nodes if node.node == row["leader"])

    def is_whole(self, queues):
        """Every node runs, and has its part of each of these quorum queues."""
        first = self.nodes[0]
        if not all(node.alive for node in self.nodes) or self.running(first) < len(self.nodes):
            return False
        try:
            online = {row["name"]: row["online"].count("@") for row in first.rows("queues", "name", "online")}
        except LabError:
            return False
        return all(online.get(queue) == len(self.nodes) for queue in queues)

    # A cut of its links to the others, while clients still reach it.
    def cut_off(self, node):
        node.ctl("eval", f"[begin erlang:set_cookie(N, 'CUTOFF'), erlang:disconnect_node(N) end || N <- {self._others(node)}].")

    def join(self, node):
        """When it has seen that it is alone, and sent its clients away."""
        wait_until(lambda: not node.is_ready(), 30, "the node to pause")
        node.ctl("eval", f"[erlang:set_cookie(N, '{COOKIE}') || N <- {self._others(node)}].")

    def _others(self, node):
        return "[" + ",".join(other.node for other in self.nodes if other is not node) + "]"
