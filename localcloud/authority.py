"""The certificate authority of a cloud, which lets it answer under AWS's own host names, over TLS.

AWS's clients trust only the certificates in AWS_CA_BUNDLE. With this authority's certificate there, they
accept this cloud as AWS, and reject the real AWS. Other programs that use Python's requests, such as the
telemetry of SageMaker's SDKs, trust it in addition to the usual authorities. The authority's key never leaves
this process.
"""

import datetime
import functools
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

import certifi

from localcloud.state import state_dir

FILE = "authority.pem"
BUNDLE = "authorities.pem"
NAME = "localcloud"
DAY = datetime.timedelta(days=1)
VALID = datetime.timedelta(days=365)
NAME_CHARACTERS = 64
"""The maximum length of a certificate's common name. Clients check only its SubjectAltName."""


def variables(url: str, port: int) -> dict[str, str]:
    """The variables that let AWS's clients find the cloud at AWS's own addresses, too (see proxy.py)."""
    folder = state_dir(port)
    return {
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "AWS_CA_BUNDLE": str(folder / FILE),
        "REQUESTS_CA_BUNDLE": str(folder / BUNDLE),
    }


class Authority:
    """Issues certificates for hosts. Its own goes into `folder`: alone, and together with the usual ones."""

    def __init__(self, folder: Path):
        from cryptography.hazmat.primitives.asymmetric import ec

        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = _pem(self._sign(NAME, self._key.public_key(), None))
        (folder / FILE).write_bytes(own)
        (folder / BUNDLE).write_bytes(_default_authorities() + b"\n" + own)
        self.context = functools.lru_cache(maxsize=64)(self._context)
        """The TLS settings of a server for the host with this name."""

    def _context(self, host: str) -> ssl.SSLContext:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:  # ssl reads certificates from files only
            file.write(private + _pem(self._sign(host, key.public_key(), host)))
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _sign(self, name: str, key: Any, host: str | None) -> Any:
        """A certificate: of a host, or of this authority itself."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        def titled(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text[:NAME_CHARACTERS])])

        now = datetime.datetime.now(datetime.UTC)
        own = self._key.public_key()
        usage = dict.fromkeys(USAGES, False) | {"crl_sign" if host is None else "digital_signature": True}
        if host is None:
            usage["key_cert_sign"] = True
        builder = (
            x509.CertificateBuilder()
            .subject_name(titled(name))
            .issuer_name(titled(NAME))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _default_authorities() -> bytes:
    """The certificates that requests trusts by default, in this process's environment."""
    chosen = Path(os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where())
    return (chosen if chosen.is_file() else Path(certifi.where())).read_bytes()


def _pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    pem: bytes = certificate.public_bytes(Encoding.PEM)
    return pem
