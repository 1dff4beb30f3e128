"""What is said of the files of a dump, as Salt loads the module that says it."""

import hashlib

import pytest


def test_a_file_is_described_by_its_name_size_and_checksum(loaders, tmp_path):
    content = b"0123456789" * 300_000  # more than one piece
    (tmp_path / "uploads.tar.zst").write_bytes(content)
    assert loaders.modules["kw_member.describe"](str(tmp_path / "uploads.tar.zst")) == {
        "name": "uploads.tar.zst",
        "size": 3_000_000,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_a_file_that_is_missing_is_no_empty_one(loaders, tmp_path):
    with pytest.raises(OSError):
        loaders.modules["kw_member.describe"](str(tmp_path / "none"))
