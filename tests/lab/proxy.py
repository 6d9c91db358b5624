"""Stands between a worker and its libvirtd: counts the calls; has libvirtd refuse those we choose, or never see them."""
import os
import socket
import struct
import threading

# libvirt's remote protocol: a big-endian header of length, program, version, procedure, type, serial, status.
HEADER = struct.Struct(">IIIIIII")
PROGRAM = 0x20008086
PROCEDURES = {"secret-by-uuid": 141, "secret-define": 142, "secret-xml": 143, "secret-set-value": 144,
              "secret-undefine": 146, "secret-by-usage": 147}
NAMES = {number: name for name, number in PROCEDURES.items()}
BAD_FLAGS = b"\x40\x00\x00\x00"


class Proxy:
    """.uri for the worker; .calls counts by name since reset(); `refuse` is a set of "secret-define", "secret-xml",
    "secret-set-value" and "secret-undefine"; `swallow` is a set of any of them that libvirtd never gets, so that nobody
    answers.

    The refusal is libvirtd's own, (8, 30): the call goes on with a flag that it does not know. Undefine has no flags,
    so it goes on as another call on the same secret that has.
    """

    def __init__(self, lab, hypervisor):
        self.hypervisor, self.name = hypervisor, hypervisor.name + "-proxy"
        self.uuid, self.hex = hypervisor.uuid, hypervisor.hex
        self.socket = os.path.join(lab.make_folder(self.name), "sock")
        self.uri = f"qemu+unix:///session?socket={self.socket}"
        self.calls, self.refuse, self.swallow = {}, set(), set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        self.calls = {}
        self.refuse, self.swallow = set(), set()

    def end(self):
        self.listener.close()

    def processes(self):
        return []

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self.hypervisor.socket)
            except OSError:
                near.close()
                continue
            disguised = set()  # serials of undefines that went on as another call
            for handle, source, sink in ((self._call, near, far), (self._answer, far, near)):
                threading.Thread(target=self._pass_frames, args=(handle, disguised, source, sink), daemon=True).start()

    @staticmethod
    def _pass_frames(handle, disguised, source, sink):
        try:
            with source.makefile("rb") as stream:
                while len(head := stream.read(HEADER.size)) == HEADER.size:
                    header = list(HEADER.unpack(head))
                    payload = handle(header, stream.read(header[0] - HEADER.size), disguised)
                    if payload is None:
                        continue
                    header[0] = HEADER.size + len(payload)
                    sink.sendall(HEADER.pack(*header) + payload)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _call(self, header, payload, disguised):
        name = NAMES.get(header[3]) if header[1] == PROGRAM else None
        if not name:
            return payload
        self.calls[name] = self.calls.get(name, 0) + 1
        if name in self.swallow:
            return None
        if name not in self.refuse:
            return payload
        if name == "secret-undefine":
            header[3] = PROCEDURES["secret-xml"]
            disguised.add(header[5])
            return payload + BAD_FLAGS
        return payload[:-4] + BAD_FLAGS

    @staticmethod
    def _answer(header, payload, disguised):
        if header[1] == PROGRAM and header[5] in disguised:
            disguised.discard(header[5])
            header[3] = PROCEDURES["secret-undefine"]
        return payload
