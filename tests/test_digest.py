from __future__ import annotations

import hashlib
from pathlib import Path

from trimpi.digest import file_digest


def test_it_is_of_the_bytes_whatever_the_file_is_called_and_follows_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"red")
    other.write_bytes(b"red")
    assert file_digest(one) == file_digest(other) == hashlib.sha256(b"red").hexdigest()
    one.write_bytes(b"green")
    assert file_digest(one) == hashlib.sha256(b"green").hexdigest()
