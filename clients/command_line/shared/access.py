"""What a command shows to a gateway that asks who calls. Must not know what is asked, or where."""

from dataclasses import dataclass
from typing import Annotated

import typer

from clients.command_line.shared.console import CommandFailed, ExitCode
from crossrank_client import CrossrankClient, bearer, tls, token_file

_VARIABLE = "CROSSRANK_CLIENT_"


@dataclass(frozen=True, slots=True)
class Access:
    """Options of every command that calls a gateway."""

    token_file: Annotated[
        str, typer.Option(help="File with the API key or token to show.", envvar=f"{_VARIABLE}TOKEN_FILE")
    ] = ""
    tls_ca: Annotated[
        str, typer.Option(help="PEM of the authority of the gateway's certificate: TLS.", envvar=f"{_VARIABLE}TLS_CA")
    ] = ""
    tls_cert: Annotated[
        str, typer.Option(help="PEM chain of a client certificate to show.", envvar=f"{_VARIABLE}TLS_CERT")
    ] = ""
    tls_key: Annotated[str, typer.Option(help="PEM key of the client certificate.", envvar=f"{_VARIABLE}TLS_KEY")] = ""

    def client(self, target: str, timeout_s: float | None = None) -> CrossrankClient:
        """A client of the gateway at ``target``, inside a running event loop. Raises CommandFailed for files that
        cannot be used; never quotes what they hold."""
        try:
            secure = self.tls_ca or self.tls_cert or self.tls_key
            credentials = tls(ca=self.tls_ca, certificate=self.tls_cert, key=self.tls_key) if secure else None
            metadata = bearer(token_file(self.token_file)) if self.token_file else tuple
            metadata()
        except (OSError, ValueError) as fault:
            raise CommandFailed(
                f"what to show to the gateway cannot be used: {fault}",
                remedy="correct --token-file, --tls-ca, --tls-cert, --tls-key",
                exit_code=ExitCode.USAGE,
            ) from None
        return CrossrankClient(target, timeout_s=timeout_s, credentials=credentials, metadata=metadata)
