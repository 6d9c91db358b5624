"""A key manager: a real consumer on service.keymanager, with misbehaviours to choose from."""
import base64

from .service import Service, refusal


class KeyManager(Service):
    """Answers ResourceKeyGetMsg with the keys it was given by add().

    A key goes only to the VM's present host: the request's hostUuid and, where `users` ({host UUID: AMQP user}) is
    given, the user the broker vouches for; and, where `recipients` ({host UUID: public key}) is given, only to the
    destination's registered key. `misbehaviour` is None, "error", "version", "silence", "garbage" or "empty".
    """

    def __init__(self, broker, users=None, recipients=None):
        super().__init__(broker, "key manager", "keyferry.service.keymanager", "service.keymanager")
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
        version = fields["keyVersion"]
        return {"success": True, "keyVersion": version + (self.misbehaviour == "version"),
                "dekBase64": base64.b64encode(self.deks[fields["vmUuid"], version]).decode()}

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
             (not recipient or self.recipients.get(fields.get("dstHostUuid")) != recipient), "not the registered key"),
            ((vm, fields.get("keyVersion")) not in self.deks, f"no such key for {vm}"),
        ]
        return next((why for wrong, why in checks if wrong), None)
