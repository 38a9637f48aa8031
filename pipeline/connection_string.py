"""Event Hubs connection strings: `Endpoint=sb://host/;SharedAccessKeyName=..;SharedAccessKey=..[;EntityPath=hub]`.

Source: Microsoft's "Get an Event Hubs connection string", and the parser of azure-core: a trailing `;` is dropped,
parts split at their first `=` (keys end in `=`), names ignore case, and a name may be given only once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import PipelineError

_NAMES = ("Endpoint", "SharedAccessKeyName", "SharedAccessKey", "EntityPath", "UseDevelopmentEmulator")


class InvalidConnectionString(PipelineError, ValueError):
    """The message names the part that is wrong and never holds the key."""

    field = "connection_string"


@dataclass(frozen=True)
class ConnectionString:
    """One rule's way to a namespace. `endpoint` is `sb://host[:port]/`; the key is text, not base64 to decode.

    `UseDevelopmentEmulator=true` means plain HTTP, as it does to Microsoft's emulator: this service on loopback.
    """

    endpoint: str
    key_name: str
    key: str = field(repr=False)
    hub: str | None = None
    development: bool = False

    @classmethod
    def parse(cls, text: str) -> ConnectionString:
        """Read a connection string. Raises `InvalidConnectionString`."""
        parts: dict[str, str] = {}
        for number, part in enumerate(text.strip().rstrip(";").split(";"), 1):
            name, equals, value = part.partition("=")
            name = name.strip().lower()
            # What is not a known name may be the key.
            shown = next((known for known in _NAMES if known.lower() == name), f"part {number}")
            if not equals or not value.strip():
                raise InvalidConnectionString(f"connection string: {shown} has no value: write name=value")
            if name in parts:
                raise InvalidConnectionString(f"connection string: {shown} is given twice")
            parts[name] = value.strip()

        missing = [n for n in ("Endpoint", "SharedAccessKeyName", "SharedAccessKey") if n.lower() not in parts]
        if missing:
            raise InvalidConnectionString(f"connection string: {', '.join(missing)} is missing")
        emulator = parts.get("usedevelopmentemulator", "false")
        if emulator not in ("true", "false"):
            raise InvalidConnectionString("connection string: UseDevelopmentEmulator must be true or false")

        parsed = cls(
            endpoint=parts["endpoint"],
            key_name=parts["sharedaccesskeyname"],
            key=parts["sharedaccesskey"],
            hub=parts.get("entitypath"),
            development=emulator == "true",
        )
        if not _is_endpoint(parsed.endpoint):
            raise InvalidConnectionString("connection string: Endpoint must be sb://host/ (or https://, http://)")
        return parsed

    def __str__(self) -> str:
        text = f"Endpoint={self.endpoint};SharedAccessKeyName={self.key_name};SharedAccessKey={self.key}"
        if self.hub:
            text += f";EntityPath={self.hub}"
        if self.development:
            text += ";UseDevelopmentEmulator=true"
        return text

    @property
    def host(self) -> str:
        """The host name alone, lower case."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def url(self) -> str:
        """The HTTP address of the namespace, without a trailing slash."""
        scheme = "http" if self.development or self.endpoint.startswith("http:") else "https"
        return f"{scheme}://{urlsplit(self.endpoint).netloc}"


def _is_endpoint(text: str) -> bool:
    """Say whether it is an address with a host, and without a user, whose password would be shown with it."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("sb", "https", "http")
            and bool(parts.hostname)
            and parts.port != 0
            and ("@" not in parts.netloc)
        )
    except ValueError:  # of the host, or of the port
        return False
