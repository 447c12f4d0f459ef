"""Which addresses may be called. The address that is checked is the one that is dialled: see `client`."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The flags of `ipaddress` are not used: `is_global` is true for 64:ff9b::7f00:1, for 2002:7f00:1:: and for multicast,
# and its tables differ between Python versions. These are the IANA special-purpose registries (RFC 6890), written out.
DENIED_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598), and the metadata service of Alibaba Cloud
        "127.0.0.0/8",  # loopback (RFC 1122)
        "168.63.129.16/32",  # the host of a virtual machine in Azure, although the address is a public one
        "169.254.0.0/16",  # link-local (RFC 3927), and the metadata service of most clouds
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/3",  # multicast, reserved, broadcast (RFC 5771, RFC 1112)
    )
)
# IPv6 is closed but for the one block that is given out for the public internet (RFC 4291, section 2.4) ...
PERMITTED_6 = ipaddress.IPv6Network("2000::/3")
# ... and of that, these are special.
DENIED_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4: an IPv4 address in disguise (RFC 3056)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
REMEDY = "the operator can allow it with TOOLGATE_EGRESS_ALLOW"
_REMEMBERED = 4096

_AUTHORITY = re.compile(r"(\[[^\]]+\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
_PATH = re.compile(r"[!$-;=?-\[\]_a-z{}~]*")
_PLACEHOLDER = re.compile(r"\{[^{}/?#@]*\}")
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback")


class Blocked(OSError):
    """The address may not be called. The message is always the same, so that several of them stay one error."""

    def __init__(self) -> None:
        super().__init__("the address is private or reserved")


class Guard:
    """Says which addresses may be called: public ones, and the networks in `allow` (CIDR) that the operator opened.

    An IPv4 address inside an IPv6 one (mapped, RFC 4291; NAT64, RFC 6052) is judged as the IPv4 address it leads to.
    Raises ValueError where `allow` holds something that is not a network.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in allow)
        self._known: dict[str, bool] = {}

    def permits(self, address: str) -> bool:
        """Whether the address (a literal, as in a socket address) may be called; False for what is not an address."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._judge(address)
        return known

    def check(self, address: str) -> None:
        """Raises Blocked where `permits` says no."""
        if not self.permits(address):
            raise Blocked

    def _judge(self, text: str) -> bool:
        try:
            address = _unwrap(ipaddress.ip_address(text))
        except ValueError:
            return False
        if any(address in network for network in self._allowed):
            return True
        if isinstance(address, ipaddress.IPv4Address):
            return not any(address in network for network in DENIED_4)
        return address in PERMITTED_6 and not any(address in network for network in DENIED_6)

    def refuse_url(self, url: str) -> str | None:
        """A sentence that says why this base URL can never be called; None if nothing speaks against it.

        Literal addresses are judged in every spelling that some resolver reads (`127.1`, `0x7f.1`, `2130706433`,
        full-width digits, percent-encoding). Names are judged when they are connected to, for what they mean may
        change. A `{placeholder}` in the host or port counts as a name.
        """
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):
            return "The base URL must begin with https:// or http://."
        if "#" in rest:
            return "The base URL must not have a fragment (#)."
        authority = re.split(r"[/?]", rest, maxsplit=1)[0]
        if "@" in authority:
            return "The base URL must not hold a user or password; credentials are stored apart."
        if not _PATH.fullmatch(rest, len(authority)):
            return "The base URL must be percent-encoded: printable ASCII without spaces, quotes or backslashes."
        match = _AUTHORITY.fullmatch(_PLACEHOLDER.sub("x", authority))
        if match is None or not match[1]:
            return "The base URL must have a host."
        port = match[2] or "x"
        if port != "x" and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
            return "The port of the base URL must be a number from 1 to 65535."
        return self._refuse_host(match[1])

    def _refuse_host(self, host: str) -> str | None:
        # Folded as the most lenient reader would: IDNA maps compatibility characters, browsers decode percent signs.
        folded = unicodedata.normalize("NFKC", unquote(host)).lower().replace("。", ".")
        try:
            literal = _literal(folded)
        except ValueError:
            return "The host of the base URL is not a valid address."
        if literal is not None:
            if not self.permits(str(literal)):
                return f"The address {literal} may not be called (private or reserved); {REMEDY}."
            return None if host == str(literal) or host.startswith("[") else f"Write the host as {literal}."
        name = folded.rstrip(".")
        if name in _LOCAL_NAMES or name.endswith(".localhost"):
            if self.permits("127.0.0.1") or self.permits("::1"):
                return None
            return f"{name} is this machine itself, which may not be called; {REMEDY}."
        if not _NAME.fullmatch(host):
            return "The host of the base URL must be an ASCII name (punycode for other scripts)."
        return None


def _unwrap(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _literal(host: str) -> Address | None:
    """The address that a host in a URL spells, or None for a name. Raises ValueError for a broken address.

    IPv4 is read as WHATWG URL (section 3.5) and `inet_aton` read it: one to four parts, each decimal, octal or
    hexadecimal, the last one filling the bytes that are left.
    """
    if host.startswith("["):
        return ipaddress.IPv6Address(host[1:-1])
    parts = host.removesuffix(".").split(".")
    if not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", parts[-1]):
        return None
    if len(parts) > 4:
        raise ValueError
    *front, last = (_number(part) for part in parts)
    if any(number > 255 for number in front) or last >= 256 ** (4 - len(front)):
        raise ValueError
    return ipaddress.IPv4Address(last + sum(number << 8 * (3 - place) for place, number in enumerate(front)))


def _number(part: str) -> int:
    # At most 32 digits: longer ones are no address, and cost time to convert.
    if not re.fullmatch(r"[0-9]{1,32}|0x[0-9a-f]{0,32}", part):
        raise ValueError
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)
