"""The admin's own authority, which signs certificates of sites with `tls: internal`; it is made when first needed."""

import getpass
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kraftwerk.errors import KraftwerkError
from kraftwerk.flock import held
from kraftwerk.paths import config_home, private, write_atomic

if TYPE_CHECKING:
    from cryptography.x509 import CertificateBuilder, Name

YEARS = timedelta(days=3650)
LONGEST = timedelta(days=825)  # of a certificate: browsers take none that is good for longer
SKEW = timedelta(hours=1)  # by which a node's clock, or a visitor's, may be behind
COMMON = 64  # characters that the name in a subject may have


@dataclass(frozen=True)
class Authority:
    """An authority: its certificate, which browsers are told, and its key, which nobody is."""

    certificate: bytes
    key: bytes

    @property
    def fingerprint(self) -> str:
        """Return what the certificate is known by, as browsers show it but for the colons."""
        from cryptography import x509
        from cryptography.hazmat.primitives.hashes import SHA256

        return x509.load_pem_x509_certificate(self.certificate).fingerprint(SHA256()).hex()

    @property
    def until(self) -> str:
        """Return the last day that it is good for."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc.date().isoformat()

    def sign(self, request: bytes, names: Sequence[str]) -> bytes:
        """Return a certificate for the key of a request. What else the request says is not looked at.

        Args:
            request: as PEM.
            names: those that the certificate holds for.

        Raises:
            KraftwerkError: it is no request, or its maker hasn't the key.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import ExtendedKeyUsageOID

        try:
            asked = x509.load_pem_x509_csr(request)
        except ValueError as error:
            raise KraftwerkError("the node asks for a certificate with what is no request") from error
        if not asked.is_signature_valid:
            raise KraftwerkError("the node asks for a certificate without having its key")
        issuer = x509.load_pem_x509_certificate(self.certificate)
        key: Any = serialization.load_pem_private_key(self.key, None)
        end = min(datetime.now(UTC) + LONGEST - SKEW, issuer.not_valid_after_utc)
        signer = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        made = (
            _begun(_subject(names[0]), issuer.subject, asked.public_key(), end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
        )
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def folder() -> Path:
    """Return where it is kept."""
    return config_home() / "tls"


def certificate_file() -> Path:
    """Return the file that browsers are told."""
    return folder() / "ca.pem"


def key_file() -> Path:
    """Return the file of its key."""
    return folder() / "ca.key"


def get() -> Authority:
    """Return the authority, after making it where there is none.

    Raises:
        KraftwerkError: its files can't be read or written.
    """
    try:
        private(folder())
        with held(folder(), busy=f"another kraftwerk is busy with {folder()}"):
            if not certificate_file().exists():
                _make()
            return Authority(certificate_file().read_bytes(), key_file().read_bytes())
    except OSError as error:
        cause = f"{folder()} can't be used: {error.strerror or error}"
        raise KraftwerkError(cause, next_command=f"ls -ld {folder()} {certificate_file()} {key_file()}") from error


def told(certificate: Path) -> list[tuple[str, str]]:
    """Return how programs are told of it, by what they are called."""
    file = shlex.quote(str(certificate))
    debian = f"sudo cp {file} /usr/local/share/ca-certificates/kraftwerk.crt && sudo update-ca-certificates"
    return [
        ("curl", f"curl --cacert {file} https://…"),
        ("Debian, Ubuntu", debian),
        ("Firefox", "Settings, Privacy & Security, View Certificates, Authorities, Import: for web sites"),
        ("Chrome, Chromium", f"certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n kraftwerk -i {file}   (libnss3-tools)"),
        ("macOS", f"sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}"),
        ("Windows", "certutil -addstore Root ca.pem, as administrator"),
    ]


def _make() -> None:
    """Make a new one; its certificate comes last, so that one that is there has its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(f"kraftwerk of {getpass.getuser()}@{socket.gethostname()}")
    made = (
        _begun(name, name, key.public_key(), datetime.now(UTC) + YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    write_atomic(key_file(), key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode())
    write_atomic(certificate_file(), made.public_bytes(encoding).decode(), mode=0o644)


def _begun(subject: "Name", issuer: "Name", key: Any, end: datetime) -> "CertificateBuilder":
    from cryptography import x509

    numbered = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    dated = numbered.not_valid_before(datetime.now(UTC) - SKEW).not_valid_after(end)
    return dated.subject_name(subject).issuer_name(issuer).public_key(key)


def _subject(name: str) -> "Name":
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:COMMON])])


def _usage(**given: bool) -> Any:
    """Return what a key may be used for: what is given, and nothing else."""
    from cryptography import x509

    uses = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
    names = [*uses.split(), "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})
