"""Drafted fields for an existing table: which title means which column, and what becomes of both; sees no cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import rejected
from ..messages import say
from ..spec.dataset import Header
from ..spec.field import NUMERIC, Field
from ..spec.yaml_text import inline
from .names import identifier
from .page import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.outline import ColumnOutline, TableOutline
    from .column import Draft
    from .page import Page

_OF_KINDS = {
    **dict.fromkeys(NUMERIC, ("decimalChar", "groupChar", "currency", "percent", "negative")),
    **dict.fromkeys(("date", "datetime", "time"), ("format",)),
    "boolean": ("trueValues", "falseValues"),
}
"""Keys of a drafted field that mean something for a column of the kind, too."""


def into_table(page: Page, outline: TableOutline) -> Page:
    """Return the draft for a table that is there: its columns' names and types, its key, and `create: false`.

    Raises:
        FileRejectedError: no title of the sample is a column of the table.

    """
    matched = dict(_matched(page, outline))
    if not matched:
        names = ", ".join(column.name for column in outline.columns)
        raise rejected(
            "header.not_found",
            say(
                "no title of the sample is a column of table {table}, which has {names}",
                table=outline.table,
                names=names,
            ),
        )
    columns = {column.name: column for column in outline.columns}
    drafts = {name: _fitted(draft, columns[name]) for name, draft in matched.items()}
    key = next((key for key in outline.keys if set(key) <= drafts.keys()), ())
    used = list(matched.values())
    return replace(
        page,
        table=outline.table,
        drafts=tuple(drafts.values()),
        key=tuple(drafts[name] for name in key),
        outline=outline,
        beside=(
            *(f"no column of {outline.table}: {inline(entry(d.field))}" for d in page.drafts if d not in used),
            *_not_in_sample(outline, drafts),
        ),
    )


def _matched(page: Page, outline: TableOutline) -> Iterator[tuple[str, Draft]]:
    """Yield column and draft of the same words, in the order of the sample; a column is taken once.

    Of a title in several rows the first is enough, if no other column begins with it: below it stands a unit.
    """
    free = {_words(column.name): column.name for column in reversed(outline.columns)}
    header = Header.model_validate(page.content["header"])
    titles = [(title, draft) for draft in page.drafts for title in draft.field.header]
    firsts = [title.partition(header.join)[0] if header.rows > 1 else title for title, _ in titles]
    for (title, draft), first in zip(titles, firsts, strict=True):
        name = free.pop(_words(title), None) or (free.pop(_words(first), None) if firsts.count(first) == 1 else None)
        if name:
            yield name, draft


def _words(title: str) -> str:
    return identifier(title).replace("_", "") or title


def _fitted(draft: Draft, column: ColumnOutline) -> Draft:
    """Return the draft as a field of the column: its type is the table's, the forms of texts the sample's."""
    own = entry(draft.field)
    kind = column.type.kind
    keeps = draft.field.type.kind in NUMERIC and column.open
    content: dict[str, Any] = {
        "name": column.name,
        "type": own["type"] if keeps else str(column.type),
        "header": own["header"],
        **{name: own[name] for name in _OF_KINDS.get(kind, ()) if name in own},
        **({"id": True} if draft.field.id and kind in ("string", "integer") else {}),
        **({"timezone": "UTC"} if column.zoned and kind == "datetime" else {}),
        **({"onError": own["onError"]} if "onError" in own and not column.required else {}),
    }
    limits = {
        **({"required": True} if column.required else {}),
        **({"maxLength": column.length} if kind == "string" and column.length is not None else {}),
    }
    if limits:
        content["constraints"] = limits
    told = f"{column.declared}{' NOT NULL' if column.required else ''}"
    zone = "; say in which timezone the sheet is" if "timezone" in content else ""
    return replace(
        draft, field=Field.model_validate(content), remark=f"{told}{zone}; in the sample {draft.remark}", others=()
    )


def _not_in_sample(outline: TableOutline, drafts: dict[str, Draft]) -> Iterator[str]:
    for column in outline.columns:
        if column.name in drafts:
            continue
        if column.demanded:
            yield (
                f"not in the sample: {column.name}, {column.declared} NOT NULL: write "
                f"load.insert_only: {{{column.name}: ...}}"
            )
        else:
            yield f"not in the sample: {column.name}, {column.declared}"
