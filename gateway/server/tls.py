"""TLS of the server: PEM files that are read for each connection, so that certificates rotate without a restart.
Knows no service."""

from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. With ``client_ca`` a caller must show a certificate of that authority."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """For ``add_secure_port``. Raises OSError. Files that do not fit together later on, as between the two writes
        of a rotation, are left: connections get what was read before."""
        return grpc.dynamic_ssl_server_credentials(
            self._read(), self._read, require_client_authentication=self.client_ca is not None
        )

    def _read(self) -> grpc.ServerCertificateConfiguration:
        key_and_chain = (self.key.read_bytes(), self.certificate.read_bytes())
        client_ca = self.client_ca.read_bytes() if self.client_ca else None
        return grpc.ssl_server_certificate_configuration([key_and_chain], client_ca)
