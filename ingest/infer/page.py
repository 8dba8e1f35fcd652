"""A drafted dataset as a page that people read: its YAML, and beside each choice why it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..spec.dataset import Dataset
from ..spec.yaml_text import inline, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..spec.field import Field
    from ..spec.outline import TableOutline
    from .column import Draft

_WRITTEN = (
    *("format", "decimal_char", "group_char", "currency", "percent", "negative"),
    *("true_values", "false_values", "timezone"),
)
"""Settings of a field that are written where they are not the default."""
_NAMED: Final = 5
"""So many other sheets are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A draft: the dataset's first keys, its fields, the key if one is certain, and what is to be told.

    `outline` is the table that is there, if the draft is for one, `beside` what it and the sample do not share.
    `complaint` says why the sample does not load by the draft, `torn` which of its rows load by none. `passed` is a
    row, counted from 1, that looks like a header and is taken for a line above the table, `no_total` the first one
    that begins as totals do and is data. `alike` are other sheets that have the titles, too, `hidden` those that are
    hidden.
    """

    content: Mapping[str, Any]
    table: str
    drafts: tuple[Draft, ...]
    key: tuple[Draft, ...]
    rows: int
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    outline: TableOutline | None = None
    beside: tuple[str, ...] = ()
    complaint: str | None = None
    torn: str | None = None
    passed: int | None = None
    no_total: int | None = None
    alike: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def dataset(self) -> Dataset:
        """Return the dataset that the page describes."""
        fields = [entry(draft.field, required=draft in self.key) for draft in self.drafts]
        return Dataset.model_validate({**self.content, "fields": fields, **self.behind})

    @property
    def behind(self) -> dict[str, Any]:
        """The keys that stand behind the fields."""
        return {
            **({"missingValues": ["", *self.missing]} if self.missing else {}),
            **({"errorCells": "null"} if any(draft.errors for draft in self.drafts) else {}),
            **({"contract": {"columns": "discard_value"}} if self.outline is None else {}),
            **({"primaryKey": [draft.field.name for draft in self.key]} if self.key else {}),
            "load": self.load("upsert" if self.key else "insert"),
        }

    def load(self, mode: str) -> dict[str, Any]:
        """Return the key `load`: a table that is there is never made, any other is."""
        return {"table": self.table, "mode": mode, "create": self.outline is None}


def draft_text(page: Page) -> str:
    """Return the page as commented YAML."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield f"# Drafted from a sample of {page.rows} rows. Read it: it knows what the sample holds, not what you mean."
    yield from _said_first(page)
    for name, value in page.content.items():
        yield f"{name}: {inline(value)}{_CONTENT_REMARKS.get(name, '')}"
    yield "fields:"
    for draft in page.drafts:
        yield f"  - {inline(entry(draft.field, required=draft in page.key))}  # {draft.remark}"
        yield from (f"  # or: {inline(other)}" for other in draft.others)
    yield from _below_fields(page)
    for name, value in page.behind.items():
        if name == "primaryKey" and page.outline is not None:
            yield f"# The key of table {page.table}."
        elif name == "primaryKey":
            yield f"# Its title says that it numbers the rows: it is filled in all {page.rows}, and different in each."
        elif name == "load" and not page.key:
            yield from _without_key(page)
        yield f"{name}: {inline(value)}{_BEHIND_REMARKS.get(name, '')}"


def _said_first(page: Page) -> Iterator[str]:
    """Yield what is to be known of the sample before the keys are read."""
    if page.complaint:
        yield f"# Mend this first: {' '.join(page.complaint.split())}"
    if page.torn:
        yield f"# Mend the file first: {' '.join(page.torn.split())}"
    if page.passed:
        yield f"# Row {page.passed} is passed over: most rows have more cells than it has titles. If it is the header:"
        yield f"#   header: {{mode: row, row: {page.passed}}}"
    if page.no_total:
        yield f"# Row {page.no_total} begins as totals do, but its numbers are not the sums of columns: it is data."
    if page.alike:
        yield f"# The sheet is read by its place. Titles like these are in {_named(page.alike)}, too. To read all:"
        yield "#   workbook: {sheets: {index: all}}"
    if page.hidden:
        yield f"# Hidden sheets are passed over: {_named(page.hidden)}. If the table is there, draft with --sheet NAME."


def _named(sheets: tuple[str, ...]) -> str:
    names = ", ".join(quoted(name) for name in sheets[:_NAMED])
    return f"{names} and {len(sheets) - _NAMED} more" if len(sheets) > _NAMED else names


def _below_fields(page: Page) -> Iterator[str]:
    yield from (f"# left out, {reason}" for reason in page.left_out)
    if merged := [draft.field.name for draft in page.drafts if draft.merged]:
        yield f"# Written once in merged cells of several rows: {', '.join(merged)}. Where each row has that value:"
        yield f"#   merged: {inline({'fill': merged})}"
    yield from (f"# {text}" for text in page.beside)


_CONTENT_REMARKS = {
    "match": "  # which files are taken for this dataset: as the sample, whatever follows",
    "table_end": "  # a row that begins so, or as totals do, is one if its numbers are the sums of their columns",
    "skip_rows": "  # page footers",
}
_BEHIND_REMARKS = {
    "missingValues": "  # these mean nothing, in every column",
    "errorCells": "  # the sample has cells with errors: they become null",
    "contract": "  # a new column is not loaded, and told of",
}


def _without_key(page: Page) -> Iterator[str]:
    if page.outline is not None:
        yield f"# The sample has no key of table {page.table}: rows are only ever added."
        return
    yield "# No column is certain to be a key, now and in the files to come: rows are only ever added."
    names = [draft.field.name for draft in page.drafts if draft.may_be_key]
    if names:
        yield f"# Filled and different in every row of the sample: {', '.join(names)}. If one of them always is:"
        yield f"#   primaryKey: {inline(names[:1])}"
        yield f"#   load: {inline(page.load('upsert'))}"


def entry(field: Field, *, required: bool = False) -> dict[str, Any]:
    """Return a field as it is written: without what is the default."""
    written: dict[str, Any] = {"name": field.name, "type": str(field.type)}
    if field.header:
        written["header"] = list(field.header)
    if field.id:
        written["id"] = True
    defaults = type(field).model_fields
    for name in _WRITTEN:
        value = getattr(field, name)
        if value != defaults[name].default:
            written[defaults[name].alias or name] = _written(value)
    if field.on_error == "null_value" and not required:
        written["onError"] = "null_value"
    limits = field.constraints.model_dump(by_alias=True, exclude_defaults=True)
    if required or limits:
        written["constraints"] = {**limits, **({"required": True} if required else {})}
    return written


def _written(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 else list(value)
