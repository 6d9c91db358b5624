"""A private, unprivileged libvirtd, and tiny VMs on it that need neither root nor KVM."""
import os
import signal
import time
import uuid
from xml.sax.saxutils import escape

import libvirt

from .process import Process, free_port, start_time, wait_until

libvirt.registerErrorHandler(lambda _, error: None, None)  # it prints every error otherwise

USAGE_TYPES = {"vtpm": libvirt.VIR_SECRET_USAGE_TYPE_VTPM, "volume": libvirt.VIR_SECRET_USAGE_TYPE_VOLUME}
USAGE_TAGS = {"vtpm": "name", "volume": "volume"}

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid>
  <memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <on_poweroff>destroy</on_poweroff>
  <devices><controller type='usb' model='none'/><memballoon model='none'/>{tpm}</devices>
</domain>"""

TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'>{encryption}</backend></tpm>"


class Hypervisor(Process):
    """One libvirt "host": .uri, .uuid, .hex; start(), stop(), kill(), restart(), freeze(), thaw()."""

    user = "nobody"  # libvirtd would take the system's own paths as root

    def __init__(self, lab, name, host_uuid=None):
        super().__init__(lab, name)
        self.uuid = str(host_uuid or uuid.uuid4())
        self.hex = self.uuid.replace("-", "")
        self.socket = os.path.join(self.folder, "run/libvirt/libvirt-sock")
        self.uri = f"qemu+unix:///session?socket={self.socket}"
        self._connection = None
        # Two daemons on one machine are one host to libvirt unless told otherwise; there is no virtlogd here.
        self._write("libvirtd.conf", f'host_uuid = "{self.uuid}"\n')
        self._write("qemu.conf", 'stdio_handler = "file"\nsecurity_driver = "none"\n')

    def _write(self, name, text):
        folder = self.lab.make_folder(os.path.join(self.name, "config", "libvirt"), self.user)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def argv(self):
        return ["/usr/sbin/libvirtd"]

    def environment(self):
        def inside(name):
            return self.lab.make_folder(os.path.join(self.name, name), self.user)
        return {"HOME": inside("home"), "XDG_RUNTIME_DIR": inside("run"), "XDG_CONFIG_HOME": inside("config"),
                "XDG_DATA_HOME": inside("data"), "XDG_CACHE_HOME": inside("cache"), "TMPDIR": inside("tmp")}

    def is_ready(self):
        try:
            return bool(self.connection())
        except libvirt.libvirtError:
            return False

    def connection(self):
        """Our own connection, past the worker; opened again when it broke. Blocks on a frozen daemon."""
        if self._connection is None or not self._lives(self._connection):
            self._connection = libvirt.open(self.uri)
        return self._connection

    @staticmethod
    def _lives(connection):
        try:
            connection.getLibVersion()
            return True
        except libvirt.libvirtError:
            return False

    # VMs outlive their libvirtd, so they are found by the pid files it left.
    def vm_pids(self):
        pids = []
        for top, _, files in os.walk(os.path.join(self.folder, "run/libvirt/qemu")):
            for name in files:
                if name.endswith(".pid"):
                    pids += self._own_pid(os.path.join(top, name))
        return pids

    def _own_pid(self, path):
        """The pid in a pid file, if that process is (still) one of this hypervisor's."""
        try:
            with open(path, encoding="ascii") as f:
                pid = int(f.read())
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return [pid] if self.folder.encode() + b"/" in f.read() else []
        except (OSError, ValueError):
            return []

    def kill_vms(self):
        pids = self.vm_pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until(lambda: all(start_time(pid) is None for pid in pids), 5, "VMs to end")

    def end(self):
        self._connection = None
        self.kill()
        self.kill_vms()

    def processes(self):
        return super().processes() + self.vm_pids()

    # Secrets, as an outsider sees them.
    def secrets(self):
        """{uuid: XML} of all secrets."""
        return {s.UUIDString(): s.XMLDesc() for s in self.connection().listAllSecrets()}

    def secret_of(self, usage_id, usage="vtpm"):
        """The UUID of the secret with that usage id, or None."""
        try:
            return self.connection().secretLookupByUsage(USAGE_TYPES[usage], usage_id).UUIDString()
        except libvirt.libvirtError as e:
            if e.get_error_code() == libvirt.VIR_ERR_NO_SECRET:
                return None
            raise

    def define_secret(self, usage_id, value=None, secret_uuid=None, usage="vtpm", description="", ephemeral="yes",
                      private="yes"):
        """Past the worker. Gives the UUID."""
        tag = USAGE_TAGS[usage]
        xml = (f"<secret ephemeral='{ephemeral}' private='{private}'>"
               f"<uuid>{secret_uuid or uuid.uuid4()}</uuid><description>{escape(description)}</description>"
               f"<usage type='{usage}'><{tag}>{escape(usage_id)}</{tag}></usage></secret>")
        secret = self.connection().secretDefineXML(xml)
        if value is not None:
            secret.setValue(value)
        return secret.UUIDString()

    def undefine_secret(self, secret_uuid):
        self.connection().secretLookupByUUIDString(secret_uuid).undefine()

    def clear_secrets(self):
        for secret in self.connection().listAllSecrets():
            secret.undefine()

    def alias(self):
        return Alias(self)

    # VMs.
    def vm_xml(self, name, vm_uuid, tpm=None, secret=None):
        """tpm: None, "plain" or "encrypted" (then `secret` is its secret's UUID)."""
        encryption = f"<encryption secret='{secret}'/>" if tpm == "encrypted" else ""
        return DOMAIN.format(name=name, uuid=vm_uuid, tpm=TPM.format(encryption=encryption) if tpm else "")

    def start_vm(self, tpm=None, secret=None, vm_uuid=None, name=None, paused=False):
        """Define and start a VM; gives a VM. libvirt.libvirtError where it does not start."""
        vm = self.define_vm(tpm, secret, vm_uuid, name)
        try:
            vm.start(paused)
        except libvirt.libvirtError:
            vm.undefine()
            raise
        return vm

    def define_vm(self, tpm=None, secret=None, vm_uuid=None, name=None):
        """Define a VM without starting it."""
        vm_uuid = str(vm_uuid or uuid.uuid4())
        name = name or "vm-" + vm_uuid[:8]
        self.connection().defineXML(self.vm_xml(name, vm_uuid, tpm, secret))
        return VM(self, name, vm_uuid)

    def vms(self):
        return [VM(self, d.name(), d.UUIDString()) for d in self.connection().listAllDomains()]

    def remove_vms(self):
        for vm in self.vms():
            vm.remove()


class Alias:
    """The same libvirtd as a host of another UUID: for a worker with settings of its own."""

    def __init__(self, hypervisor):
        self.hypervisor, self.uri = hypervisor, hypervisor.uri
        self.uuid = str(uuid.uuid4())
        self.hex = self.uuid.replace("-", "")
        self.name = f"{hypervisor.name}-{self.hex[:6]}"


class VM:
    """A VM on the hypervisor where it is now: .host moves with it."""

    def __init__(self, host, name, vm_uuid):
        self.host, self.name, self.uuid = host, name, vm_uuid

    def domain(self, host=None):
        return (host or self.host).connection().lookupByUUIDString(self.uuid)

    def start(self, paused=False):
        self.domain().createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)

    def is_active_on(self, host):
        try:
            return bool(self.domain(host).isActive())
        except libvirt.libvirtError as e:
            if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return False
            raise

    def migrate(self, destination, within=60):
        """Live, to another Hypervisor. Gives the seconds it took; libvirt.libvirtError where it fails."""
        began = time.monotonic()
        flags = (libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE)
        self.domain().migrate3(destination.connection(),
                               {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://127.0.0.1:{free_port()}"}, flags)
        self.host = destination
        wait_until(lambda: self.domain().state()[0] == libvirt.VIR_DOMAIN_RUNNING, within, "the VM to run")
        return time.monotonic() - began

    def stop(self):
        if self.domain().isActive():
            self.domain().destroy()

    def undefine(self):
        """Forget it; what its TPM stored goes with it."""
        self.domain().undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)

    def remove(self):
        """Stop and undefine, where it is still there."""
        try:
            self.stop()
            self.undefine()
        except libvirt.libvirtError as e:
            if e.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise

    def __repr__(self):
        return f"<VM {self.name} on {self.host.name}>"


