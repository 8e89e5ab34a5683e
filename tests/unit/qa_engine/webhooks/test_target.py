"""Which addresses webhooks are sent to."""

from ipaddress import ip_address

import pytest

from qa_engine.webhooks.errors import WebhookUrlRefused
from qa_engine.webhooks.target import Gate, gate

PUBLIC = Gate()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "https://example.com:8443/hook?key=a%20b",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
        "https://under_score.example./x",
    ],
)
def test_public_addresses_are_served(url: str) -> None:
    assert PUBLIC.target(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://127.0.0.1#@example.com/",
        "https://example.com/#part",
        "https://example.com:22/",
        "https://example.com:99999/",
        "https://example.com:-1/",
        "https://example.com:x/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://100.64.0.1/",
        "https://100.100.100.200/",
        "https://192.0.0.192/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
        "https://[127.0.0.1]/",
        "https://[::1",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\r\nhost: x",
        "https://example.com/\tx",
        "https://bücher.example/",
        "https://①②⑦.⓪.⓪.①/",
        "https://-x.example/",
        "https://a..b/",
        "https://" + "a" * 64 + ".example/",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_all_others_are_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        PUBLIC.target(url)


def test_of_a_name_s_addresses_only_public_ones_are_connected_to() -> None:
    target = PUBLIC.target("https://example.com/")
    addresses = [ip_address("10.0.0.1"), ip_address("8.8.8.8"), ip_address("::ffff:127.0.0.1")]
    assert PUBLIC.admit(target, addresses) == [ip_address("8.8.8.8")]
    with pytest.raises(WebhookUrlRefused):
        PUBLIC.admit(target, [ip_address("169.254.169.254"), ip_address("fe80::1%eth0")])
    with pytest.raises(WebhookUrlRefused):
        PUBLIC.admit(target, [])


def test_networks_are_allowed_by_name_and_nothing_beside_them() -> None:
    inside = gate("10.1.0.0/16, fd00:1::/32", "443")
    assert inside.target("http://10.1.2.3:8080/hook").port == 8080
    assert inside.target("http://[fd00:1::5]:9000/").port == 9000
    assert inside.target("http://[::ffff:10.1.2.3]:8080/").secure is False
    for refused in ("http://10.2.0.1:8080/", "http://127.0.0.1/", "http://8.8.8.8/", "https://8.8.8.8:8443/"):
        with pytest.raises(WebhookUrlRefused):
            inside.target(refused)
    # What a name stands for is not known yet; it is looked at before anything is sent.
    name = inside.target("http://hooks.internal:8080/")
    assert inside.admit(name, [ip_address("10.1.9.9"), ip_address("8.8.8.8")]) == [ip_address("10.1.9.9")]
    with pytest.raises(WebhookUrlRefused):
        inside.admit(name, [ip_address("8.8.8.8")])


@pytest.mark.parametrize(
    ("allow", "ports"), [("10.0.0.1/8", "443"), ("x", "443"), ("", "0"), ("", "65536"), ("", "x")]
)
def test_settings_that_cannot_be_meant_are_refused(allow: str, ports: str) -> None:
    with pytest.raises(ValueError):
        gate(allow, ports)
