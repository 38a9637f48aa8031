"""The certificate of `wz up --tls`, from a local authority: what trusts the authority's file trusts the service."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import trustme
from cryptography import x509

from pipeline.store.clock import machine_now

from .address import AUTHORITY
from .state import write_private

#: All names that lead to 127.0.0.1. The certificate has them, and those by which clients call the service (WZ_HOSTS).
NAMES = ("localhost", "127.0.0.1")

#: How long a certificate is good, and how long before its end a new one is made. Clients of Apple refuse one of more
#: than 398 days. The authority's own is good until 2038, as trustme makes it.
LIFETIME, RENEWED_BEFORE = timedelta(days=397), timedelta(days=30)


_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def certificate(state: Path, hosts: Iterable[str] = ()) -> tuple[Path, Path]:
    """Return the files of a certificate and of its key, made or renewed when it is time, or when a host is new.

    It is good for `NAMES` and `hosts`; what is no name of a host is left out.

    The authority stays as long as its two files are there, so that clients need to be told once.
    """
    folder = (state / AUTHORITY).parent
    folder.mkdir(mode=0o700, exist_ok=True)
    found, key = folder / "server.pem", folder / "server.key"
    authority = _authority(folder)  # first: without it, a certificate that is there is worth nothing
    names = {*NAMES, *filter(_HOST.fullmatch, hosts)}
    if not (key.exists() and _is_good(found, names)):
        now = machine_now()
        made = authority.issue_cert(*sorted(names), not_before=now - timedelta(hours=1), not_after=now + LIFETIME)
        write_private(key, made.private_key_pem.bytes().decode())
        write_private(found, "".join(pem.bytes().decode() for pem in made.cert_chain_pems))
    return found, key


def _authority(folder: Path) -> trustme.CA:
    file, key = folder / AUTHORITY.name, folder / "authority.key"
    if file.exists() and key.exists():
        return trustme.CA.from_pem(file.read_bytes(), key.read_bytes())
    made = trustme.CA(organization_name="wz up")
    write_private(key, made.private_key_pem.bytes().decode())
    write_private(file, made.cert_pem.bytes().decode())
    (folder / "server.pem").unlink(missing_ok=True)  # of an authority that is gone
    return made


def _is_good(file: Path, names: set[str]) -> bool:
    if not file.exists():
        return False
    found = x509.load_pem_x509_certificate(file.read_bytes())
    good_for = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.not_valid_after_utc - machine_now() > RENEWED_BEFORE and names <= {str(one.value) for one in good_for}
