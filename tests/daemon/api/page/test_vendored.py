"""What others have made and the page brings along: small, unchanged, with its licence beside it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Final

STATIC: Final = files("daemon.api.page").joinpath("static")
BYTES_MAX: Final = 100_000


def test_a_library_is_small_and_what_its_note_says() -> None:
    libraries = [entry for entry in STATIC.iterdir() if entry.name.endswith(".mjs")]
    assert [entry.name for entry in libraries] == ["preact.mjs"]
    for library in libraries:
        content = library.read_bytes()
        note = STATIC.joinpath(library.name.replace(".mjs", ".txt")).read_text(encoding="utf-8")
        assert len(content) < BYTES_MAX
        digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
        assert f"integrity: sha384-{digest}" in note
        assert "MIT License" in note
        assert "Copyright" in note
