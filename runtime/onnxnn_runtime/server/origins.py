"""Which web pages may call a server that asks for no token: its own, and those of the origins in `cors`.

Browsers send simple requests to any address for any page, and only keep the responses from it. A page whose
name leads to 127.0.0.1 (DNS rebinding) may read these, too; but its name stands in the header Host.
"""

from __future__ import annotations

import ipaddress
from typing import Mapping
from urllib.parse import urlsplit

from onnxnn_runtime.messages.shorten import shortened

from .errors import Forbidden
from .settings import ServerSettings, is_loopback


def check_origin(headers: Mapping[str, str], settings: ServerSettings) -> None:
    """Refuse the request of a page of another origin; what is no browser sends no Origin, and passes.

    A token is enough where there is one, since other pages do not know it.

    Args:
        headers: Those of the request, by names in lower case.
        settings: Address, token, and origins that are let in.

    Raises:
        Forbidden: The page is of another origin, or the server is called by a name that is not its own.
    """
    if settings.token is not None or "*" in settings.cors:
        return
    host, origin = headers.get("host", "").lower(), headers.get("origin")
    known = [_place(each) for each in settings.cors]
    if host and is_loopback(settings.host) and not (_is_own(host) or host in known):
        raise Forbidden.coded(
            "E-SERVER-02",
            "Host={host}: expected localhost or an IP address, since this server is for this machine alone. "
            "Set a token, or allow the name with --cors http://NAME.",
            host=shortened(host),
        )
    if origin is not None and origin not in settings.cors and (not host or _place(origin) != host):
        raise Forbidden.coded(
            "E-SERVER-02",
            "Origin={origin}: expected a page of this server. Allow others with --cors ORIGIN.",
            origin=shortened(origin),
        )


def _place(origin: str) -> str:
    """Return the host and port of an origin; "" where it has none, such as "null"."""
    return origin.partition("://")[2].lower()


def _is_own(host: str) -> bool:
    """Return whether a host, with a port or not, is an address or this machine's own name."""
    try:
        name = urlsplit("//" + host).hostname or ""
        if name == "localhost" or name.endswith(".localhost"):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
