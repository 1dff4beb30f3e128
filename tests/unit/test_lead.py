"""What the first node of a deploy hands on to the others."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from kraftwerk.lead import Lead
from kraftwerk.remote import script

PINS = ("django==5.2.8", "gunicorn==23.0.0")


def test_versions_hold_for_the_same_python_only():
    lead = Lead("web1", "3.11.2", PINS)
    assert lead.limits("3.11.9") == PINS
    assert lead.limits("3.13.1") == ()


@pytest.fixture
def release(tmp_path):
    """A release in whose source are folders that commands collected, that came along, and that is not there."""
    folder = tmp_path / "shop" / "releases" / "4" / "src"
    for name in ("collected", "sent"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.css").write_text(name)
    return folder


def collect(release, group):
    text = script("collected").replace("/web/", f"{release.parents[3]}/")
    words = ["sh", "-seu", "--", "shop", "4", "src", "collected", "sent", "missing"]
    stat = f'stat() {{ [ "$3" != missing ] && case $3 in collected) echo {group} ;; *) echo web ;; esac; }}\n'
    done = subprocess.run(words, input=(stat + text).encode(), capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as packed:
        return sorted(packed.getnames())


def test_what_was_collected_is_packed_and_what_came_along_is_not(release: Path):
    assert collect(release, "www-data") == ["collected", "collected/a.css"]
    assert collect(release, "web") == []
