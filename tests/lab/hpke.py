"""Sealed DEKs by another implementation than ours: RFC 9180 on Python's cryptography, both layouts, both AEADs."""
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

AES, CHACHA = 2, 3
AEADS = {AES: AESGCM, CHACHA: ChaCha20Poly1305}
KEM, KDF = 0x0020, 0x0001
BOUND_INFO, COMPATIBLE_INFO = b"keyferry dek v1", b"key-agent hpke info"


def _u16(number):
    return number.to_bytes(2, "big")


def _extract(suite, salt, label, ikm):
    return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(suite, prk, label, info, length):
    return hmac.digest(prk, _u16(length) + b"HPKE-v1" + suite + label + info + b"\1", "sha256")[:length]


def _shared_secret(dh, enc, public):
    suite = b"KEM" + _u16(KEM)
    return _expand(suite, _extract(suite, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)


def _context(aead, shared_secret, info):
    """The AEAD with its key, and the nonce of the first message."""
    suite = b"HPKE" + _u16(KEM) + _u16(KDF) + _u16(aead)
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared_secret, b"secret", b"")
    return AEADS[aead](_expand(suite, secret, b"key", context, 32)), _expand(suite, secret, b"base_nonce", context, 12)


class KeyPair:
    """A recipient's; .public and .fingerprint."""

    def __init__(self, private=None):
        self.key = X25519PrivateKey.from_private_bytes(private) if private else X25519PrivateKey.generate()
        self.private = self.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.fingerprint = fingerprint(self.public)

    def open(self, envelope, aad=b""):
        """A DEK out of either layout: bound where there is an aad. None where it does not open."""
        aead = int.from_bytes(envelope[:2], "big") if aad else AES
        rest = envelope[2:] if aad else envelope
        if aead not in AEADS:
            return None
        enc, sealed = rest[:32], rest[32:]
        dh = self.key.exchange(X25519PublicKey.from_public_bytes(enc))
        cipher, nonce = _context(aead, _shared_secret(dh, enc, self.public), BOUND_INFO if aad else COMPATIBLE_INFO)
        try:
            return cipher.decrypt(nonce, sealed, aad)
        except InvalidTag:
            return None


def fingerprint(public):
    return hashlib.sha256(public).hexdigest()


def aad(host_uuid, vm_uuid, purpose, instance, version, secret_uuid=""):
    return "\n".join((host_uuid, vm_uuid, purpose, instance, str(version), secret_uuid)).encode()


def aad_of(host, key, secret_uuid=""):
    """Of a define: `host` is a Hypervisor or a UUID, `key` the four fields of an identity."""
    return aad(getattr(host, "uuid", host), key["vmUuid"], key["purpose"], key["usageInstance"], key["keyVersion"],
               secret_uuid or "")


def seal(public, plain, aad=b"", aead=CHACHA, ephemeral=None):
    """Bound, where there is an aad; else compatible."""
    if not aad:
        aead = AES
    ephemeral = KeyPair(ephemeral or os.urandom(32))
    dh = ephemeral.key.exchange(X25519PublicKey.from_public_bytes(public))
    secret = _shared_secret(dh, ephemeral.public, public)
    cipher, nonce = _context(aead, secret, BOUND_INFO if aad else COMPATIBLE_INFO)
    return (_u16(aead) if aad else b"") + ephemeral.public + cipher.encrypt(nonce, plain, aad)
