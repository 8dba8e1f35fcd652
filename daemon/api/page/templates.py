"""The page's HTML in each language: owns its templates, of which a view and the door are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from ingest.languages import in_language

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODE: Final = Markup("<code>{}</code>")


class Templates:
    """HTML files with `{{ t("a message of {name}", name=…) }}` for what is said; what is put into them is escaped."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
        self._templates = {name: environment.from_string(source) for name, source in sources.items()}

    def render(self, name: str, language: str, **values: Any) -> str:
        """Return a file in a language; messages among the values are said in it, too."""

        def said(text: str, **parts: Any) -> Markup:
            return escape(in_language(text, language)).format(**parts)

        return self._templates[name].render(language=language, t=said, code=_CODE.format, **values)
