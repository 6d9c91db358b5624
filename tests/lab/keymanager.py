"""A key manager: a real consumer on service.keymanager, with misbehaviours to choose from."""
import base64

from . import hpke
from .service import Service, refusal


def as_bytes(value):
    """A binary field, which JSON has as base64."""
    return base64.b64decode(value) if isinstance(value, str) else value


class KeyManager(Service):
    """Answers ResourceKeyGetMsg with the keys it was given by add().

    A key goes only to the VM's present host: the request's hostUuid and, where `users` ({host UUID: AMQP user}) is
    given, the user the broker vouches for; and, where `recipients` ({host UUID: public key}) is given, only to the
    destination's registered key. It is sealed to that key, for the define that will carry it, where one is given, and
    clear otherwise. `misbehaviour` is None, "error", "version", "silence", "garbage", "empty", "clear" (never sealed) or
    "other" (sealed for another host).
    """

    def __init__(self, broker, users=None, recipients=None, user=None):
        super().__init__(broker, "key manager", "keyferry.service.keymanager", "service.keymanager", user)
        self.deks, self.vms = {}, {}
        self.users, self.recipients = users, recipients
        self.misbehaviour = None

    def add(self, vm_uuid, host, dek, version=1):
        """This VM is on that host (a Hypervisor or a UUID), and this is its key."""
        self.vms[vm_uuid] = getattr(host, "uuid", host)
        self.deks[vm_uuid, version] = dek

    def answer(self, name, fields, properties):
        if self.misbehaviour in ("silence", "garbage", "empty"):
            return {"silence": None, "garbage": b"\xc1 no answer", "empty": {"success": True}}[self.misbehaviour]
        why = self._why_not(name, fields, properties)
        if why:
            return refusal("KMS.1000", why)
        version, dek = fields["keyVersion"], self.deks[fields["vmUuid"], fields["keyVersion"]]
        answer = {"success": True, "keyVersion": version + (self.misbehaviour == "version")}
        if not fields.get("recipientKey") or self.misbehaviour == "clear":
            return {**answer, "dekBase64": base64.b64encode(dek).decode()}
        host = fields["hostUuid" if self.misbehaviour == "other" else "dstHostUuid"]
        sealed = hpke.seal(as_bytes(fields["recipientKey"]), dek, hpke.aad_of(host, fields, fields["secretUuid"]))
        return {**answer, "encryptedDek": base64.b64encode(sealed).decode()}

    def _why_not(self, name, fields, properties):
        vm, host = fields.get("vmUuid"), fields.get("hostUuid")
        recipient = fields.get("recipientKey")
        checks = [
            (name != "ResourceKeyGetMsg", f"no handler for {name}"),
            (self.misbehaviour == "error", "this key manager was told to fail"),
            (fields.get("resourceType") != "TpmVO" or not fields.get("resourceUuid"), "which TPM?"),
            (self.vms.get(vm) != host, f"{host} is not the present host of {vm}"),
            (self.users is not None and self.users.get(host) != properties.user_id, f"not the user of {host}"),
            (self.recipients is not None and
             (not recipient or self.recipients.get(fields.get("dstHostUuid")) != as_bytes(recipient)), "not the registered key"),
            ((vm, fields.get("keyVersion")) not in self.deks, f"no such key for {vm}"),
        ]
        return next((why for wrong, why in checks if wrong), None)
