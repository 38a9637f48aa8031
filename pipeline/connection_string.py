"""Event Hubs connection strings: `Endpoint=sb://host/;SharedAccessKeyName=..;SharedAccessKey=..[;EntityPath=hub]`.

In place of the key's name and the key there may be a token that was made from them: `SharedAccessSignature=`, and then
`SharedAccessSignature sr=..&sig=..&se=..&skn=..`. It is sent as it is, until it expires.

Source: Microsoft's "Get an Event Hubs connection string", and the parser of azure-core: a trailing `;` is dropped,
parts split at their first `=` (keys end in `=`), names ignore case, and a name may be given only once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from .errors import PipelineError

_KEY = ("SharedAccessKeyName", "SharedAccessKey")
_SIGNATURE = "SharedAccessSignature"
_NAMES = ("Endpoint", *_KEY, _SIGNATURE, "EntityPath", "UseDevelopmentEmulator")

#: Seconds before a signature's end from which on somebody is told of it.
EXPIRES_SOON = 24 * 60 * 60

_TOKEN = re.compile(r"SharedAccessSignature (?=.*\bsr=)(?=.*\bsig=)(?=.*\bse=([0-9]{1,15})(?:\.[0-9]+)?(?:&|$))[!-~]+")


class InvalidConnectionString(PipelineError, ValueError):
    """The message names the part that is wrong and never holds the key."""

    field = "connection_string"


@dataclass(frozen=True)
class ConnectionString:
    """One rule's way to a namespace. `endpoint` is `sb://host[:port]/`; the key is text, not base64 to decode.

    With a `signature`, which is an Authorization header, key and key name are empty.

    `UseDevelopmentEmulator=true` means plain HTTP, as it does to Microsoft's emulator: this service on loopback.
    """

    endpoint: str
    key_name: str
    key: str = field(repr=False)
    hub: str | None = None
    development: bool = False
    signature: str = field(default="", repr=False)

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

        signature = parts.get(_SIGNATURE.lower(), "")
        if signature and any(name.lower() in parts for name in _KEY):
            raise InvalidConnectionString(f"connection string: give a key and its name, or {_SIGNATURE}, not both")
        if signature and not _TOKEN.fullmatch(signature):
            raise InvalidConnectionString(
                f"connection string: {_SIGNATURE} must be a token: 'SharedAccessSignature sr=..&sig=..&se=..&skn=..'"
            )
        missing = [n for n in ("Endpoint", *(() if signature else _KEY)) if n.lower() not in parts]
        if missing:
            raise InvalidConnectionString(f"connection string: {', '.join(missing)} is missing")
        emulator = parts.get("usedevelopmentemulator", "false")
        if emulator not in ("true", "false"):
            raise InvalidConnectionString("connection string: UseDevelopmentEmulator must be true or false")

        parsed = cls(
            endpoint=parts["endpoint"],
            key_name=parts.get("sharedaccesskeyname", ""),
            key=parts.get("sharedaccesskey", ""),
            hub=parts.get("entitypath"),
            development=emulator == "true",
            signature=signature,
        )
        if not _is_endpoint(parsed.endpoint):
            raise InvalidConnectionString("connection string: Endpoint must be sb://host/ (or https://, http://)")
        return parsed

    @property
    def shown(self) -> str:
        """The text without its secret."""
        return str(replace(self, key="...", signature="..." if self.signature else ""))

    def __str__(self) -> str:
        text = f"Endpoint={self.endpoint};"
        if self.signature:
            text += f"{_SIGNATURE}={self.signature}"
        else:
            text += f"SharedAccessKeyName={self.key_name};SharedAccessKey={self.key}"
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
    def port(self) -> int:
        """That of the endpoint, or of its scheme."""
        return urlsplit(self.url).port or (80 if self.url.startswith("http:") else 443)

    @property
    def secrets(self) -> frozenset[str]:
        """What no log shows."""
        return frozenset({self.signature.partition("sig=")[2].partition("&")[0] if self.signature else self.key})

    @property
    def expires(self) -> int | None:
        """When the signature expires, in seconds since the Unix epoch; None with a key."""
        match = _TOKEN.fullmatch(self.signature)
        return int(match[1]) if match else None

    @property
    def url(self) -> str:
        """The HTTP address of the namespace, without a trailing slash."""
        scheme = "http" if self.development or self.endpoint.startswith("http:") else "https"
        return f"{scheme}://{urlsplit(self.endpoint).netloc}"


def validity(expires: int, now: float) -> str:
    """Say until when the signature of a connection string is good; both times are in seconds since the Unix epoch."""
    when = f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if now < expires:
        return f"the signature of the connection string is good until {when}"
    return f"the signature of the connection string has expired at {when}: get a new one"


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
