"""The shared strings of an xlsx workbook as one Arrow array: plain ones by whole columns, rich ones one by one."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import rejected
from ..zip.xml_text import excel_text, plain_texts, refuse_doctype

_PLAIN: Final = r'^<t(?P<p> xml:space="preserve")?>(?P<t>[^<]*)</t></si>\s*$'

_PRESERVE: Final = b' xml:space="preserve"'


def shared_strings(content: bytes, name: str) -> pa.LargeStringArray:
    """Return the strings of a UTF-8 part, in order; of rich text the runs, without phonetic guides.

    Raises:
        FileRejectedError: the part is not well-formed XML.

    """
    refuse_doctype(content, name)
    start, end = content.find(b"<si>"), content.rfind(b"</si>")
    if start < 0 or end < 0 or b"<si/" in content or b"<si " in content or b"<!" in content:
        return pa.array(_Reader(name).read(content), pa.large_string())
    body = pa.array([content[start : end + len(b"</si>")]], pa.large_binary())
    pieces = pc.list_flatten(pc.split_pattern(body, b"<si>"))[1:]
    try:
        pieces = pieces.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise rejected("file.corrupt_xml", f"the part {name} is not UTF-8") from error
    parts = pc.extract_regex(pieces, _PLAIN)
    raw, preserve = pc.struct_field(parts, "t"), pc.struct_field(parts, "p")
    # Some writers say once, of the whole list, that white space is to be kept.
    inherited = _PRESERVE in content[:start]
    kept = pc.not_equal(preserve.fill_null(""), "").to_numpy(zero_copy_only=False) | inherited
    plain = plain_texts(raw.fill_null(""), kept)
    rich = pc.is_null(parts)
    if not pc.any(rich).as_py():
        return plain
    index = pa.array(np.flatnonzero(rich.to_numpy(zero_copy_only=False)))
    # One parser for all of them: the wrapping element makes them one document.
    wrapped = (
        f"<sst{_PRESERVE.decode() if inherited else ''}><si>" + "<si>".join(pieces.take(index).to_pylist()) + "</sst>"
    )
    texts = _Reader(name).read(wrapped.encode())
    if len(texts) != len(index):
        raise rejected("file.corrupt_xml", f"the part {name} is not a list of strings")
    return pc.replace_with_mask(plain, rich, pa.array(texts, pa.large_string()))


class _Reader:
    """Reads strings of any form with an XML parser, one by one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts: list[str] = []
        self._runs: list[str] = []
        self._pieces: list[str] | None = None
        self._preserve = self._inherited = False
        self._phonetic = 0

    def read(self, content: bytes) -> list[str]:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        try:
            parser.Parse(content, True)  # noqa: FBT003  # it takes no keyword
        except expat.ExpatError as error:
            raise rejected("file.corrupt_xml", f"the part {self._name} is not well-formed XML: {error}") from error
        return self._texts

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "si":
            self._runs = []
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t" and not self._phonetic:
            self._pieces = []
            self._preserve = self._inherited or attributes.get("xml:space") == "preserve"
        elif name == "sst":
            self._inherited = attributes.get("xml:space") == "preserve"

    def _data(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "t" and self._pieces is not None:
            self._runs.append(excel_text("".join(self._pieces), preserve=self._preserve))
            self._pieces = None
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "si":
            self._texts.append("".join(self._runs))
