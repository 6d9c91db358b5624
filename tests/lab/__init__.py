"""A private laboratory of the real parts: RabbitMQ, libvirtd, QEMU with swtpm, keyferryd, and an outsider's client.

    with Lab() as lab:
        broker, a, b = lab.up(lab.broker(), lab.hypervisor("a"), lab.hypervisor("b"))
        worker = lab.worker(broker, a, b).start()
        client = lab.client(broker)
        reply = client.ask("SecretHostDefineMsg", a, vmUuid=..., ...)

Everything lives in one folder under /tmp, on loopback and on free ports, and ends with the block, however it ends.
"""
from .process import LabError, free_port, patience, wait_until
from .broker import Broker
from .browser import Browser
from .certificates import Authority
from .hypervisor import Hypervisor, VM
from .worker import Worker
from .client import Client, Reply
from .keymanager import KeyManager
from . import placing
from .link import Link
from .listener import Listener
from .machine import Machine
from .notify import NotifySocket
from .prometheus import Prometheus, promtool
from .proxy import Proxy
from .search import Search
from .service import FakeHost, Service, refusal
from .wire import Wire
from .lab import Lab, REPO, program

__all__ = ["Lab", "LabError", "Authority", "Broker", "Browser", "Hypervisor", "VM", "Worker", "Client", "Reply", "KeyManager",
           "Link", "Listener", "Machine", "NotifySocket", "Search", "Service", "FakeHost", "Prometheus", "Proxy", "Wire", "REPO",
           "free_port", "patience", "placing", "program", "promtool", "refusal", "wait_until"]
