"""The names that a client certificate bears: its URI (SPIFFE) and DNS subject alternative names. TLS has verified it
already; a subject or common name counts for nothing."""

from functools import lru_cache

from cryptography import x509

from gateway.identity.caller import Refused


@lru_cache(maxsize=1024)  # a connection shows the same one with every call
def names_of(pem: bytes) -> frozenset[str]:
    """Its URIs and DNS names. Raises Refused."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    except (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as fault:
        raise Refused("the certificate cannot be read") from fault
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return frozenset((*uris, *names.get_values_for_type(x509.DNSName)))
