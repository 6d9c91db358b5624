#!/usr/bin/python3
"""define.py URL HOST_UUID VM_UUID < DEK: seal a VM's key to a host, have it put there, print the secret's UUID.

Needs python3-pika and python3-cryptography; HPKE (RFC 9180, base mode) is the half in the middle.
"""
import base64, hmac, json, sys, time, uuid
import pika
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEM, HPKE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"  # X25519, HKDF-SHA256, ChaCha20-Poly1305


def extract(suite, salt, label, secret):
    return hmac.digest(salt, b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite, secret, label, info, size):
    return hmac.digest(secret, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1", "sha256")[:size]


def seal(recipient, plain, info, aad):
    mine = X25519PrivateKey.generate()
    enc = mine.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    dh = mine.exchange(X25519PublicKey.from_public_bytes(recipient))
    shared = expand(KEM, extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)
    context = b"\0" + extract(HPKE, b"", b"psk_id_hash", b"") + extract(HPKE, b"", b"info_hash", info)
    secret = extract(HPKE, shared, b"secret", b"")
    key, nonce = expand(HPKE, secret, b"key", context, 32), expand(HPKE, secret, b"base_nonce", context, 12)
    return b"\0\3" + enc + ChaCha20Poly1305(key).encrypt(nonce, plain, aad)


url, host, vm = sys.argv[1], str(uuid.UUID(sys.argv[2])), str(uuid.UUID(sys.argv[3]))
parameters = pika.URLParameters(url)
connection = pika.BlockingConnection(parameters)
channel, answers = connection.channel(), []
channel.confirm_delivery()  # and mandatory: what reaches nobody is an error, and not silence
channel.basic_consume("amq.rabbitmq.reply-to", lambda *come: answers.append(come[-1]), auto_ack=True)


def ask(message, **fields):
    body = {message: {"id": str(uuid.uuid4()), "hostUuid": host, "createdTime": int(time.time() * 1000), **fields}}
    channel.basic_publish("keyferry.p2p", "host." + host.replace("-", ""), json.dumps(body), pika.BasicProperties(
        content_type="application/json", reply_to="amq.rabbitmq.reply-to", user_id=parameters.credentials.username,
        delivery_mode=2), mandatory=True)
    connection.process_data_events(time_limit=30)  # ends with the first answer
    (reply,) = json.loads(answers.pop() if answers else sys.exit("no reply within 30 s")).values()
    return reply if reply["success"] else sys.exit(f"{reply['error']['code']}: {reply['error']['details']}")


public = base64.b64decode(ask("HostEnvelopeKeyGetMsg")["publicKey"])
aad = "\n".join((host, vm, "vtpm", "tpm0", "1", "")).encode()  # the last: secretUuid, where one is wanted
envelope = seal(public, sys.stdin.buffer.read(), b"keyferry dek v1", aad)
print(ask("SecretHostDefineMsg", vmUuid=vm, purpose="vtpm", keyVersion=1, usageInstance="tpm0",
          encryptedDek=base64.b64encode(envelope).decode())["secretUuid"])
