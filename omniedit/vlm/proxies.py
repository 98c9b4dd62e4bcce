"""Proxies that the environment names for an address."""

import contextlib
import ipaddress
import socket
import urllib.request
from fnmatch import fnmatch

import httpx2

LOCAL_NAMES = ("localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback")


def is_local(host: str) -> bool:
    """Return whether a host is this machine, which no proxy can reach."""
    name = host.lower().rstrip(".")
    if name in (*LOCAL_NAMES, socket.gethostname().lower()) or name.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def find_proxy(url: httpx2.URL) -> str | None:
    """Return the proxy that the environment names for a URL, or None."""
    port = url.port or (443 if url.scheme == "https" else 80)
    if is_local(url.host) or urllib.request.proxy_bypass(f"{url.host}:{port}") or _is_in_no_proxy(url.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = (proxies.get(url.scheme) or proxies.get("all") or "").strip()
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy or None


def _is_in_no_proxy(host: str) -> bool:
    """Return whether NO_PROXY lists a pattern such as *.internal, an address, IPv6 included, or its network.

    urllib checks none of them.
    """
    address = _address(host)
    for entry in urllib.request.getproxies_environment().get("no", "").split(","):
        if "*" in entry and fnmatch(host.lower(), entry.strip().lower()):
            return True
        with contextlib.suppress(ValueError):
            network = ipaddress.ip_network(entry.strip().replace("[", "").replace("]", ""), strict=False)
            if address and address in network:
                return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host denotes, in any form that sockets accept, such as 127.1; None for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return None
    return getattr(address, "ipv4_mapped", None) or address
