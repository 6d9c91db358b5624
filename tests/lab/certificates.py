"""Certificates for the lab: an authority, and what it signs or another would have."""
import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


def subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def alternatives(names):
    def one(name):
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)
    return x509.SubjectAlternativeName([one(name) for name in names])


class Authority:
    """A CA in a folder of its own: .ca is its certificate; issue() makes NAME.pem and NAME.key."""

    def __init__(self, folder, name="Lab CA"):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key, self, (-1, 3650), [
            (x509.BasicConstraints(ca=True, path_length=None), True)])
        self.ca = self.write("ca.pem", self.certificate.public_bytes(PEM))

    def write(self, name, data, mode=0o600):
        """Replaced as a whole: somebody may be reading it. Gives its path."""
        path = os.path.join(self.folder, name)
        with open(path + ".new", "wb", opener=lambda p, flags: os.open(p, flags, mode)) as f:
            f.write(data)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def _sign(self, name, key, issuer, days, extensions):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject(name)).issuer_name(subject(issuer.name))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days[0]))
                   .not_valid_after(now + datetime.timedelta(days[1])))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer.key, hashes.SHA256())

    def issue(self, file, name="localhost", names=("localhost", "127.0.0.1"), days=(-1, 30), client=False,
              self_signed=False):
        """(path of the certificate, path of its key), of a broker, or of a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self
        if self_signed:
            issuer = Authority.__new__(Authority)
            issuer.name, issuer.key = name, key
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        extensions = [(x509.ExtendedKeyUsage([usage]), False)]
        if names:
            extensions.append((alternatives(names), False))
        certificate = self._sign(name, key, issuer, days, extensions)
        return (self.write(file + ".pem", certificate.public_bytes(PEM)),
                self.write(file + ".key", key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                                                            serialization.NoEncryption())))
