"""A list of shared strings of any form, read with an XML parser, one by one; knows no files and no cells."""

from __future__ import annotations

from xml.parsers import expat

from ..zip.xml_text import excel_text


class StringListReader:
    """Reads a list, or the beginning of one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        """The strings that have ended."""
        self.stack: tuple[str, ...] = ()
        """The elements that are open, without prefixes."""
        self.preserve = self.inherited = False
        """Whether white space is kept: of the text that is open, and of all texts."""
        self.unusual = False
        """Whether there was a text, or a string within another."""
        self._runs: list[str] = []
        self._pieces: list[str] | None = None
        self._phonetic = 0

    def read(self, content: bytes, *, whole: bool) -> None:
        """Read UTF-8, the only time.

        Raises:
            expat.ExpatError: it is not well-formed, or not whole although it should be.

        """
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.Parse(content, whole)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "si":
            self.unusual |= "si" in self.stack
            self._runs = []
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t" and not self._phonetic:
            self._pieces = []
            self.preserve = self.inherited or attributes.get("xml:space") == "preserve"
        elif name == "sst":
            self.unusual |= bool(self.stack)
            self.inherited = attributes.get("xml:space") == "preserve"
        self.stack = (*self.stack, name)

    def _data(self, text: str) -> None:
        if self._pieces is not None:
            self.unusual = True
            self._pieces.append(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        self.stack = self.stack[:-1]
        if name == "t" and self._pieces is not None:
            self._runs.append(excel_text("".join(self._pieces), preserve=self.preserve))
            self._pieces = None
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "si":
            self.texts.append("".join(self._runs))
