"""Characters that cannot be seen: where a word may break, in which direction it runs, marks of byte order.

They come along with what is pasted, and with dates as some browsers write them.
"""

from __future__ import annotations

from typing import Final

INVISIBLE: Final = "\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
"""For a set of characters in a regular expression. U+00AD is not among them: some write it for a minus sign."""
