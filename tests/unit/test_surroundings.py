"""What of the admin's surroundings a local node gets."""

import io
import tarfile

import pytest

from kraftwerk import surroundings

DEBIAN = 'ID=debian\nVERSION_CODENAME="bookworm"\n'
SOURCES = """# mirror of the office
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://vendor.example/apt
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Enabled: no
Types: deb
URIs: https://off.example/debian
Suites: bookworm
Components: main
"""


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text(DEBIAN)
    return tmp_path


def test_debians_own_sources_are_taken_and_others_left(etc):
    (etc / "apt/sources.list.d/debian.sources").write_text(SOURCES)
    assert surroundings.apt_sources("bookworm", etc) == (
        "Types: deb\nURIs: https://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_sources_are_turned_to_another_release(etc):
    (etc / "apt/sources.list.d/debian.sources").write_text(SOURCES)
    assert "Suites: trixie trixie-updates\n" in surroundings.apt_sources("trixie", etc)


def test_one_line_sources_are_read_too(etc):
    (etc / "apt/sources.list").write_text(
        "deb http://mirror.example/debian bookworm main non-free-firmware # comment\n"
        "#deb http://off.example/debian bookworm main\n"
        "deb-src http://mirror.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://docker.example bookworm main\n"
        "deb http://mirror.example/debian-security bookworm-security main\n"
    )
    assert surroundings.apt_sources("bookworm", etc) == (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main non-free-firmware\n\n"
        "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n"
    )


def test_elsewhere_than_on_debian_mmdebstrap_knows_better(etc):
    (etc / "apt/sources.list").write_text("deb http://mirror.example/ubuntu noble main\n")
    (etc / "os-release").write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
    assert surroundings.apt_sources("bookworm", etc) == ""


def test_the_index_is_taken_as_far_as_it_is_an_address(tmp_path):
    conf = tmp_path / "pip.conf"
    conf.write_text(
        "[global]\nindex-url = https://index.example/simple\nfind-links = /opt/wheels https://wheels.example/\n"
        "extra-index-url =\n  file:///opt/simple\n  http://more.example/simple\ntrusted-host = more.example\n"
        "cert = /opt/ca.pem\n"
    )
    assert surroundings.index_options({}, [conf]).decode() == (
        "[global]\nindex-url = https://index.example/simple\nextra-index-url = http://more.example/simple\n"
        "find-links = https://wheels.example/\ntrusted-host = more.example\n"
    )


def test_a_variable_wins_over_the_file(tmp_path):
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\nindex-url = https://index.example/simple\n")
    options = surroundings.index_options({"PIP_INDEX_URL": "https://other.example/simple"}, [conf])
    assert options == b"[global]\nindex-url = https://other.example/simple\n"


@pytest.mark.parametrize("content", ["", "no ini file", "[global]\nfind-links = /opt/wheels\n"])
def test_without_an_address_there_is_no_pip_conf(tmp_path, content):
    conf = tmp_path / "pip.conf"
    conf.write_text(content)
    assert surroundings.index_options({}, [conf, tmp_path / "missing"]) == b""


def test_a_base_is_known_by_what_it_was_made_from():
    assert surroundings.fingerprint("a", b"b") == surroundings.fingerprint("a", "b")
    assert surroundings.fingerprint("a", "b") != surroundings.fingerprint("ab", "")


def test_files_of_root_are_packed_with_their_modes():
    packed = surroundings.tar({"d/secret": b"1", "d/plain": b"2"}, modes={"d/secret": 0o600}, folders={"d": 0o700})
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {member.name: (member.mode, member.uid, member.isdir()) for member in archive}
    assert members == {"d": (0o700, 0, True), "d/secret": (0o600, 0, False), "d/plain": (0o644, 0, False)}
