#!/usr/bin/python3
"""OpenStack's way: an RPC server of oslo.messaging, and libvirt-python. oslo_worker.py AMQP_URL QUEUE LIBVIRT_URI"""
import base64
import sys

import libvirt
import oslo_messaging
from oslo_config import cfg

from py_worker import define


class Endpoint:
    def __init__(self, uri):
        self.hypervisor = libvirt.open(uri)

    def define(self, _context, **fields):
        return define(self.hypervisor, {**fields, "dekBase64": base64.b64decode(fields["dekBase64"])})


def main():
    url, queue, uri = sys.argv[1:]
    conf = cfg.ConfigOpts()
    conf([])
    transport = oslo_messaging.get_rpc_transport(conf, url=url.replace("amqp://", "rabbit://"))
    target = oslo_messaging.Target(topic=queue, server="bench")
    server = oslo_messaging.get_rpc_server(transport, target, [Endpoint(uri)], executor="threading")
    server.start()
    server.wait()


main()
