"""Letters of the scripts that put no space between words: one beside them is there for the looks of it."""

from __future__ import annotations

from typing import Final

UNSPACED: Final = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""For a set of characters in a regular expression: Chinese characters, Hiragana and Katakana."""
