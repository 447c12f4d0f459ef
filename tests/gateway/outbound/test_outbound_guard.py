"""Which addresses may be called, in whatever spelling they come."""

import ipaddress
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbound import guard as rules
from gateway.outbound.guard import Blocked, Guard

DENIED = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.9 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1
    192.88.99.1 192.168.0.1 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1
    240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::10.0.0.1
    64:ff9b:1::1 64:ff9b:1::8.8.8.8 100::1 2001::1 2001:10::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1
    2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
"""
PERMITTED = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.17
    172.15.255.255 172.32.0.0 192.0.1.0 198.17.255.255 198.20.0.0 223.255.255.255
    2001:200::1 2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 ::ffff:808:808 64:ff9b::8.8.8.8
"""


@pytest.mark.parametrize("address", DENIED.split())
def test_denied(address: str) -> None:
    guard = Guard()
    assert not guard.permits(address)
    with pytest.raises(Blocked):
        guard.check(address)


@pytest.mark.parametrize("address", PERMITTED.split())
def test_permitted(address: str) -> None:
    guard = Guard()
    assert guard.permits(address)
    guard.check(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "1.2.3.4.5", "8.8.8.8/32", "::g", "%"])
def test_what_is_no_address_is_denied(text: str) -> None:
    assert not Guard(["0.0.0.0/0", "::/0"]).permits(text)


def test_the_operator_opens_networks() -> None:
    guard = Guard(["10.1.0.0/16", "fd00::/8"])
    assert [guard.permits(a) for a in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1%eth0")] == [True, True, True]
    assert [guard.permits(a) for a in ("10.2.0.1", "127.0.0.1", "fe80::1")] == [False, False, False]


def test_opening_all_of_ipv6_does_not_open_ipv4_by_the_back_door() -> None:
    guard = Guard(["::/0"])
    assert guard.permits("fe80::1")
    assert not guard.permits("::ffff:127.0.0.1")
    assert not guard.permits("64:ff9b::7f00:1")


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="has host bits set"):
        Guard(["10.0.0.1/8"])


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_REMEMBERED", 8)
    guard = Guard()
    for number in range(100):
        assert guard.permits(f"8.8.8.{number}")
        assert not guard.permits(f"10.0.0.{number}")
    assert len(guard._known) <= 8


def spellings(address: ipaddress.IPv4Address) -> list[str]:
    """The hosts by which some reader of URLs reaches this address."""
    number, octets = int(address), address.packed
    a, b, c, d = octets
    return [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        hex(number).upper().replace("0X", "0x"),
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.0{b:o}.{c}.0x{d:02x}",
        "".join(chr(ord(digit) + 0xFEE0) if digit.isdigit() else "。" for digit in str(address)),
        "".join(f"%{ord(character):02x}" for character in str(address)),
        f"[::ffff:{address}]",
        f"[::ffff:{a:02x}{b:02x}:{c:02x}{d:02x}]",
        f"[0:0:0:0:0:ffff:{a:x}{b:02x}:{c:x}{d:02x}]",
        f"[64:ff9b::{address}]",
        f"[::{address}]",
    ]


DENIED_ADDRESSES = st.sampled_from(rules.DENIED_4).flatmap(lambda network: st.ip_addresses(network=network))


@given(address=DENIED_ADDRESSES, port=st.sampled_from(["", ":80", ":8443"]))
def test_a_denied_address_is_denied_in_every_spelling(address: ipaddress.IPv4Address, port: str) -> None:
    guard = Guard()
    for literal in (str(address), f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        assert not guard.permits(literal), literal
    for host in spellings(address):
        assert guard.refuse_url(f"http://{host}{port}/path"), host


@given(address=st.ip_addresses())
def test_what_is_permitted_is_global_by_the_standard_library(address: ipaddress.IPv4Address) -> None:
    if Guard().permits(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(address=st.ip_addresses(v=6))
def test_ipv6_outside_the_public_block_is_denied(address: ipaddress.IPv6Address) -> None:
    embedded = address.ipv4_mapped or address in rules.NAT64
    if not embedded and address.packed[0] >> 5 != 1:
        assert not Guard().permits(str(address))


@given(st.sampled_from(rules.DENIED_6).flatmap(lambda network: st.ip_addresses(network=network)))
def test_special_blocks_of_ipv6_are_denied(address: ipaddress.IPv6Address) -> None:
    guard = Guard()
    assert not guard.permits(str(address))
    assert not guard.permits(address.exploded)
    assert guard.refuse_url(f"https://[{address}]/")


@given(st.from_regex(r"(?:(?:0x)?[0-9a-f]{1,10}\.){0,3}(?:0x)?[0-9a-f]{1,10}", fullmatch=True))
def test_what_the_c_library_reads_as_a_denied_address_is_refused(host: str) -> None:
    try:
        address = ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return
    if not Guard().permits(str(address)):
        assert Guard().refuse_url(f"http://{host}/"), address


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "http://api.example.com:8080/v1/",
        "HTTPS://API.Example.COM/",
        "https://api.example.com./v1?fixed=yes",
        "https://xn--bcher-kva.example/",
        "https://my_service.example/a%2Fb/~c;d=e/{version}",
        "https://{shop}.example.com/admin",
        "https://{host}:{port}/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]:443/",
        "https://10.example.com/",
        "https://0x7f.example/",
        "https://localhost.example.com/",
    ],
)
def test_a_good_base_url(url: str) -> None:
    assert Guard().refuse_url(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with https:// or http://"),
        ("api.example.com", "must begin with"),
        ("//api.example.com", "must begin with"),
        ("ftp://api.example.com", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("javascript://x", "must begin with"),
        ("https://", "must have a host"),
        ("https:///v1", "must have a host"),
        ("https://:80/", "must have a host"),
        ("https://[]/", "must have a host"),
        ("https://?a=b", "must have a host"),
        ("https://[::1/", "must have a host"),
        ("https://api.example.com/#part", "fragment"),
        ("https://api.example.com#@127.0.0.1", "fragment"),
        ("https://user@api.example.com", "user or password"),
        ("https://user:word@api.example.com", "user or password"),
        ("https://api.example.com\\@127.0.0.1/", "user or password"),
        ("https://api.example.com:0/", "port"),
        ("https://api.example.com:65536/", "port"),
        ("https://api.example.com:-1/", "port"),
        ("https://api.example.com:٣/", "port"),
        ("https://api.example.com/a b", "percent-encoded"),
        ("https://api.example.com/é", "percent-encoded"),
        ("https://api.example.com/\r\nX: y", "percent-encoded"),
        ("https://api.example.com/\\..\\", "percent-encoded"),
        ("https://bücher.example/", "ASCII name"),
        ("https://api..example/", "ASCII name"),
        ("https://-api.example/", "ASCII name"),
        ("https://api.exa mple/", "ASCII name"),
        ("https://api.example.com\t/", "ASCII name"),
        (f"https://{'a' * 64}.example/", "ASCII name"),
        (f"https://{'a.' * 130}example/", "ASCII name"),
        ("https://256.1.1.1/", "not a valid address"),
        ("https://1.2.3.4.5/", "not a valid address"),
        ("https://1.2.3.4294967296/", "not a valid address"),
        ("https://1_0.1/", "not a valid address"),
        (f"https://{'9' * 5000}/", "not a valid address"),
        ("https://[::1::]/", "not a valid address"),
        ("https://[v1.fe80]/", "not a valid address"),
        ("https://8.8.2056/", "Write the host as 8.8.8.8"),
        ("https://%38.8.8.8/", "Write the host as 8.8.8.8"),
        ("http://127.0.0.1:8000/", "127.0.0.1 may not be called"),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0 may not be called"),
        ("http://0/", "0.0.0.0 may not be called"),
        ("http://localhost:8000/", "localhost is this machine"),
        ("http://LOCALHOST./", "localhost is this machine"),
        ("http://db.localhost/", "db.localhost is this machine"),
        ("http://ip6-loopback/", "ip6-loopback is this machine"),
        ("http://\uff4cocalhost/", "localhost is this machine"),
    ],
)
def test_a_base_url_that_can_never_be_called(url: str, why: str) -> None:
    sentence = Guard().refuse_url(url)
    assert sentence is not None
    assert why in sentence
    assert sentence.endswith(".")


def test_a_base_url_in_an_opened_network() -> None:
    guard = Guard(["127.0.0.0/8"])
    assert guard.refuse_url("http://127.0.0.1:8000/") is None
    assert guard.refuse_url("http://localhost:8000/") is None
    assert guard.refuse_url("http://[::1]:8000/")
    assert Guard(["::1/128"]).refuse_url("http://localhost/") is None


@given(st.text(max_size=40))
def test_any_text_gets_a_verdict(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}/x"):
        sentence = Guard().refuse_url(url)
        if sentence is None:
            # What passes has a plain authority that no two readers understand differently.
            assert re.fullmatch(r"(?i)https?://[a-z0-9._{}\[\]:-]+(?:[/?].*)?", _without_placeholders(url))


def _without_placeholders(url: str) -> str:
    return re.sub(r"\{[^{}/?#@]*\}", "x", url)
