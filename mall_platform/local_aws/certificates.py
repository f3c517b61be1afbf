"""The local certificate authority of RDS, and certificates it signs for loopback servers."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=825)


class Authority:
    """A certificate authority in a folder: `ca.pem` for clients to trust, its key beside it.

    Made on first use; what is in the folder already is used again.
    """

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "ca.pem"
        self._key_file = folder / "ca-key.pem"
        if not (self.ca_file.exists() and self._key_file.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            self._make()

    def issue(self, folder: Path) -> tuple[Path, Path]:
        """Writes `server.pem` and `server-key.pem` for 127.0.0.1, ::1 and localhost."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder("127.0.0.1", self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        x509.DNSName("localhost"),
                        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                        x509.IPAddress(ipaddress.ip_address("::1")),
                    ]
                ),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        folder.mkdir(parents=True, exist_ok=True)
        certificate_file, key_file = folder / "server.pem", folder / "server-key.pem"
        _write_certificate(certificate_file, certificate)
        _write_key(key_file, key)
        return certificate_file, key_file

    @cached_property
    def _certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.ca_file.read_bytes())

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        return cast(ec.EllipticCurvePrivateKey, key)

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Local RDS root CA")])
        certificate = (
            _builder("Local RDS root CA", name)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=False,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )
        _write_key(self._key_file, key)
        _write_certificate(self.ca_file, certificate)


def _builder(common_name: str, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
    )


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
