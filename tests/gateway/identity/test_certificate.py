"""Names of a client certificate: URIs and DNS names of its subject alternative names, nothing else."""

from datetime import UTC, datetime, timedelta
from ssl import DER_cert_to_PEM_cert

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.identity.caller import Refused
from gateway.identity.certificate import names_of

AUTHORITY = trustme.CA()


def pem(*names: str, common_name: str | None = None) -> bytes:
    return AUTHORITY.issue_cert(*names, common_name=common_name).cert_chain_pems[0].bytes()


def test_dns_names_count_and_the_common_name_does_not() -> None:
    assert names_of(pem("loader.example.org", "10.0.0.1", common_name="admin.example.org")) == {"loader.example.org"}


def test_a_certificate_without_dns_and_uri_has_no_names() -> None:
    assert names_of(pem("someone@example.org", common_name="admin")) == frozenset()


def test_a_spiffe_id_counts() -> None:
    assert names_of(spiffe_certificate("spiffe://example.org/loader")) == {"spiffe://example.org/loader"}


def spiffe_certificate(uri: str) -> bytes:
    """A certificate with a URI, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    return made.add_extension(names, critical=True).sign(key, SHA256()).public_bytes(Encoding.PEM)


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        names_of(b"nonsense")


def test_a_certificate_with_an_extension_twice_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        names_of(DER_cert_to_PEM_cert(named_twice()).encode())


def named_twice() -> bytes:
    """Alternative names of the issuer, passed off as a second list of those of the subject."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name, names = x509.Name([]), [x509.DNSName("loader.example.org")]
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = made.add_extension(x509.IssuerAlternativeName(names), critical=False)
    issuers, subjects = b"\x06\x03\x55\x1d\x12", b"\x06\x03\x55\x1d\x11"
    return made.sign(key, SHA256()).public_bytes(Encoding.DER).replace(issuers, subjects)
