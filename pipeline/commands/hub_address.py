"""Where `wz hub send` and `wz hub tail` find the namespace that they speak to, by HTTP."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from ..connection_string import ConnectionString
from ..errors import PipelineError
from ..hub.rest_client import RestClient
from ..settings.local import read, service_file
from . import terminal


class _Service(msgspec.Struct):
    address: str = ""
    authority: str = ""


#: The options whose values `client` takes.
address_options = terminal.options(
    click.option(
        "--connection-string-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Another namespace, which may be Azure's. Default: WZ_CONNECTION_STRING, or that of `wz up`.",
    ),
    click.option(
        "--ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="PEM file with the authorities of its certificate. Default: those of `wz up --tls`, or the system's.",
    ),
)


def client(connection_string_file: Path | None, ca: Path | None) -> RestClient:
    """Return the client of the namespace that is meant. Raises `PipelineError` if there is no connection string."""
    if connection_string_file is None:
        target = terminal.settings().root
        return RestClient(target, ca or _authority(target))
    try:
        target = ConnectionString.parse(connection_string_file.read_text())
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise PipelineError(f"{connection_string_file}: {reason}") from exc
    return RestClient(target, ca or _authority(target))


def _authority(target: ConnectionString) -> Path | None:
    """Return the file of the authority of the `wz up` that runs here, if it is what the connection string names."""
    file = service_file()
    service = read(file, _Service) if file else _Service()
    is_it = service.authority and urlsplit(service.address).netloc == urlsplit(target.endpoint).netloc
    return Path(service.authority) if is_it else None
