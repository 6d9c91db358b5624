#!/usr/bin/python3
"""The worker one writes in an afternoon: pika and libvirt-python. py_worker.py AMQP_URL QUEUE LIBVIRT_URI"""
import base64
import sys
import time
import uuid

import libvirt
import msgpack
import pika

XML = """<secret ephemeral='yes' private='yes'><uuid>{uuid}</uuid><description>bench</description>
<usage type='vtpm'><name>keyferry/{purpose}/{vm}/{instance}/v{version}</name></usage></secret>"""


def define(connection, fields):
    secret = connection.secretDefineXML(XML.format(
        uuid=fields.get("secretUuid") or uuid.uuid4(), purpose=fields["purpose"], vm=fields["vmUuid"],
        instance=fields["usageInstance"], version=fields["keyVersion"]))
    dek = fields["dekBase64"]
    secret.setValue(dek if isinstance(dek, bytes) else base64.b64decode(dek))
    return {"secretUuid": secret.UUIDString(), "created": True}


def main():
    url, queue, uri = sys.argv[1:]
    hypervisor = libvirt.open(uri)
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.basic_qos(prefetch_count=64)

    def on_request(_, method, properties, body):
        (name, fields), = msgpack.unpackb(body).items()
        reply = {"id": str(uuid.uuid4()), "createdTime": int(time.time() * 1000), "success": True,
                 "headers": {"correlationId": properties.correlation_id, "isReply": "true"}, **define(hypervisor, fields)}
        channel.basic_publish("", properties.reply_to, msgpack.packb({name.replace("Msg", "Reply"): reply}),
                              pika.BasicProperties(content_type="application/msgpack", delivery_mode=2,
                                                   correlation_id=properties.correlation_id))
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, on_request)
    channel.start_consuming()


if __name__ == "__main__":
    main()
