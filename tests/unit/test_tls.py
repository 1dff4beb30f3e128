"""Certificates of sites: what a project may say, what a node asks for, and what the admin's authority signs."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kraftwerk import authority, gaterule, project, tls
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.process import Completed
from kraftwerk.transport import Connection

CERTIFY = Path(__file__).parents[2] / "salt" / "tls" / "files" / "certify.sh"
NAMES = {"domains": ("www.shop.test",), "aliases": ("shop.test",)}
SHOP = Instance(name="shop", project="shop", environment="production", wsgi="shop", tls="internal", **NAMES)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def instance(folder, text, environment="production"):
    (folder / "kraftwerk.yaml").write_text("name: shop\nwsgi: shop.wsgi\n" + text)
    return project.parse(folder).instance(environment, "blue")


def request(*names):
    """Return a key, and what asks for a certificate with it for these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    signed = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    return key, signed.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("text", "environment", "found"),
    [
        ("", "production", "off"),
        ("tls: off", "production", "off"),
        ("tls: auto", "staging", "auto"),
        ("tls: auto\nenvironments: {staging: {tls: internal}}", "staging", "internal"),
        ("tls: auto\nenvironments: {staging: {tls: internal}}", "production", "auto"),
        ("tls: auto\nenvironments: {staging: {tls: off}}", "staging", "off"),
    ],
)
def test_an_environment_s_own_goes_over_that_of_all(tmp_path, text, environment, found):
    assert instance(tmp_path, f"{text}\n", environment).tls == found


def test_another_word_is_a_mistake_with_its_place(tmp_path):
    with pytest.raises(KraftwerkError, match=r"kraftwerk\.yaml:3: tls: 'on' is not one of auto, internal, off"):
        instance(tmp_path, "tls: on\n")


def test_where_visitors_come_by_https_all_is_asked_for_by_https(tmp_path):
    found = instance(tmp_path, "domain: www.shop.test\ntls: auto\n")
    assert found.url == "https://www.shop.test"
    assert gaterule.url(found, gaterule.of(found)) == "https://www.shop.test/"


def test_the_authority_is_made_once_and_its_key_is_the_admin_s_alone(home):
    first = authority.get()
    assert authority.get() == first
    assert (authority.key_file().stat().st_mode & 0o777, authority.folder().stat().st_mode & 0o777) == (0o600, 0o700)
    made = x509.load_pem_x509_certificate(first.certificate)
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert len(first.fingerprint) == 64


def test_it_signs_for_the_names_that_it_is_told_not_for_those_that_a_node_asks_for():
    own, (key, asked) = authority.get(), request("bank.test")
    signed = x509.load_pem_x509_certificate(own.sign(asked, ["www.shop.test", "shop.test"]))
    names = signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.shop.test", "shop.test"]
    assert signed.public_key() == key.public_key()
    signed.verify_directly_issued_by(x509.load_pem_x509_certificate(own.certificate))
    assert signed.not_valid_after_utc - signed.not_valid_before_utc <= timedelta(days=825)
    assert signed.not_valid_before_utc < datetime.now(UTC)
    assert not signed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_what_openssl_thinks_of_it(tmp_path):
    own, (_, asked) = authority.get(), request()
    (tmp_path / "site.pem").write_bytes(own.sign(asked, [f"{'long.' * 13}shop.test"]))
    words = ["-purpose", "sslserver", "-x509_strict", "-verify_hostname", f"{'long.' * 13}shop.test"]
    command = ["openssl", "verify", *words, "-CAfile", str(authority.certificate_file()), str(tmp_path / "site.pem")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("asked", [b"", b"-----BEGIN CERTIFICATE REQUEST-----\nx\n-----END CERTIFICATE REQUEST-----\n"])
def test_what_is_no_request_is_not_signed(asked):
    with pytest.raises(KraftwerkError, match="no request"):
        authority.get().sign(asked, ["shop.test"])


class Answering:
    """A node whose certify says what it is told to; notes how it was called."""

    node = Node(name="blue", host="192.0.2.1", provider="ssh")

    def __init__(self, *said, code=0):
        self.said, self.code, self.calls = list(said), code, []

    def run(self, words, *, input=None, check=True):
        self.calls.append((list(words), input))
        return Completed(list(words), self.code, self.said.pop(0).encode(), b"sh: certify: not found\n")


def test_what_a_node_asks_for_is_signed_and_sent_back():
    asked = request()[1]
    node = Answering(f"shop\twanted\t{base64.b64encode(asked).decode()}\n", "shop\tnew\t\n")
    assert tls.certify(node, {"shop": SHOP}) == {"shop": tls.Certificate(new=True)}
    (first, nothing), (second, signed) = node.calls
    known = [tls.CERTIFY, "-a", authority.get().fingerprint]
    assert (first, nothing, second) == ([*known, "shop"], None, [*known, "-s", "shop"])
    names = x509.load_pem_x509_certificate(signed).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["www.shop.test", "shop.test"]


def test_a_node_without_such_sites_is_not_asked(home):
    node = Answering()
    gone = Instance(**{**SHOP.as_dict(), "present": False})
    assert tls.certify(node, {"shop": Instance(**{**SHOP.as_dict(), "tls": "off"}), "gone": gone}) == {}
    assert (node.calls, authority.folder().exists()) == ([], False)


def test_what_failed_is_one_line_with_what_holds_now():
    auto = Instance(**{**SHOP.as_dict(), "tls": "auto"})
    node = Answering("shop\twrong\tno such host\t\nbook\tgood\t\n", code=1)
    assert tls.warnings(node, {"shop": auto, "book": auto}) == [
        "www.shop.test: no certificate: no such host; it stays on http → kraftwerk highstate blue"
    ]
    node = Answering("shop\twrong\tno answer\t2026-12-24\n", code=1)
    assert tls.warnings(node, {"shop": auto}) == [
        "www.shop.test: its certificate could not be renewed: no answer; the one that it has is good until 2026-12-24 "
        "→ kraftwerk highstate blue"
    ]
    assert not authority.folder().exists()


def test_a_node_that_isn_t_converged():
    assert tls.warnings(Answering("", code=127), {"shop": SHOP}) == [
        "blue can't make certificates: sh: certify: not found"
    ]


def test_a_connection_is_called_like_that():
    assert Connection.run.__kwdefaults__.keys() >= {"input", "check"}


INVALID = """\
Processing www.shop.test with alternative names: shop.test
 + Responding to challenge for www.shop.test authorization...
 + Challenge validation has failed :(
ERROR: Challenge is invalid! (returned: invalid) (result: ["type"]\t"http-01"
["status"]\t"invalid"
["error","type"]\t"urn:ietf:params:acme:error:unauthorized"
["error","detail"]\t"192.0.2.7: Invalid response from \\"http://www.shop.test/\\": 404"
["error","status"]\t403)
"""
REFUSED = """\
  + ERROR: An error occurred while sending post-request to https://ca.test/new-order (Status 429)

Details:
{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many \\"certificates\\"", "status": 429}
"""
UNREACHED = "ERROR: Problem connecting to server (head for https://ca.test; curl returned with 6)\n"


@pytest.mark.parametrize(
    ("printed", "cause"),
    [
        (INVALID, '192.0.2.7: Invalid response from \\"http://www.shop.test/\\": 404'),
        (REFUSED, 'too many \\"certificates\\"'),
        (UNREACHED, "Problem connecting to server (head for https://ca.test; curl returned with 6)"),
        ("one\nlast\n", "last"),
    ],
)
def test_of_all_that_the_client_prints_the_authority_s_own_words_are_the_cause(printed, cause):
    functions = CERTIFY.read_text().removesuffix('main "$@"\n')
    done = subprocess.run(["sh", "-c", f'{functions}\nreason "$1"', "sh", printed], capture_output=True, check=False)
    assert done.stdout.decode() == cause
