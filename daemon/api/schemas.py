"""The schemas of what the API sends, for its OpenAPI document; a test holds them to what is really sent."""

from __future__ import annotations

from typing import Any, Final

from ..ledger.jobs import ENDS, STATES, RowCounts

Schema = dict[str, Any]

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv"
BINARY: Final = {"type": "string", "format": "binary"}


def ref(name: str) -> Schema:
    """Return a reference to one of `COMPONENTS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


SHEET_COLUMNS: Final = 16_384
CELL_TEXT_LENGTH: Final = 32_767
"""The bounds of a sheet, and of the text of a cell (Excel specifications and limits)."""

TEXT: Final = {"type": "string"}
OPTIONAL_TEXT: Final = {"type": ["string", "null"]}
COUNT: Final = {"type": "integer", "minimum": 0}
OPTIONAL_COUNT: Final = {"type": ["integer", "null"]}
TIME: Final = {"type": "number", "description": "Seconds since 1970-01-01 UTC."}
OPTIONAL_TIME: Final = {"type": ["number", "null"], "description": "Seconds since 1970-01-01 UTC."}
SECONDS: Final = {"type": "object", "additionalProperties": {"type": "number"}, "description": "Seconds by stage."}

_JOB: Final[dict[str, Schema]] = {
    "id": {"type": "integer"},
    "dataset": TEXT,
    "spec_version": {"type": "integer"},
    "file": TEXT,
    "sha256": TEXT,
    "size_bytes": COUNT,
    "source": TEXT,
    "submitter": {**OPTIONAL_TEXT, "description": "The name of the token that handed it in."},
    "state": {"enum": list(STATES)},
    "reason": OPTIONAL_TEXT,
    "attempt": {"type": "integer"},
    "crashes": COUNT,
    "first_job": {**OPTIONAL_COUNT, "description": "Of a duplicate: the job of the same content."},
    "fixes_job": {**OPTIONAL_COUNT, "description": "The job whose rejected rows this one corrects."},
    "check_only": {"type": "boolean", "description": "Whether it is only told what would become of the workbook."},
    "would_be": {
        "enum": [None, *ENDS],
        "description": "Of a checked job: the state that it would have ended in. Its rows count what would become of "
        "them.",
    },
    "loaded_as": {
        **OPTIONAL_COUNT,
        "description": "The job as which the workbook was loaded then, after a check or a mapping.",
    },
    "rows": _object(**dict.fromkeys(RowCounts.__slots__, COUNT)),
    "errors": _list(ref("ErrorRecord")),
    "errors_total": COUNT,
    "seconds": SECONDS,
    "peak_rss_bytes": OPTIONAL_COUNT,
    "created_at": TIME,
    "started_at": OPTIONAL_TIME,
    "finished_at": OPTIONAL_TIME,
}
_EXECUTOR: Final = _object(max_workers=COUNT, active_tasks=COUNT, idle_workers=COUNT, queued_tasks=COUNT)
_PREVIEW: Final[Schema] = {
    **_object(columns=_list(TEXT), rows=_list(_list(OPTIONAL_TEXT))),
    "type": ["object", "null"],
    "description": "Of a checked job: the first rows as they would stand in the table, values as the database writes "
    "them.",
}
_EVENT: Final[dict[str, Schema]] = {
    "at": TIME,
    "event": TEXT,
    "attempt": {"type": "integer"},
    "detail": OPTIONAL_TEXT,
}

_PARSED_ROWS: Final = _object(**dict.fromkeys(("read", "accepted", "duplicate", "rejected", "blank", "footer"), COUNT))
_CONTENT: Final[Schema] = {"type": ["object", "null"], "description": "What stands in it; nothing if it is no YAML."}
_ROW: Final = {"type": "integer", "minimum": 1, "description": "The sheet's own, from 1; a text may have any number."}
_COLUMN: Final = {"type": "integer", "minimum": 1, "maximum": SHEET_COLUMNS}
_CELL_TEXT: Final = {**TEXT, "maxLength": CELL_TEXT_LENGTH, "description": "As it is typed; empty for an empty cell."}
_TOLD: Final = {"code": TEXT, "message": TEXT, "hint": TEXT}
_REJECTED_ROW: Final = _object(
    row=_ROW,
    cells={
        **_list(OPTIONAL_TEXT),
        "type": ["array", "null"],
        "description": "The texts of the `columns`, in their order; null for a row that is too large to be shown.",
    },
    errors=_list(_object(column={**OPTIONAL_COUNT, "description": "Null: of the row as a whole."}, **_TOLD)),
)

_COLUMNS: Final[Schema] = {"type": "object", "additionalProperties": OPTIONAL_TEXT}
_VALUES: Final[Schema] = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": TEXT}}
_MAPPING: Final[dict[str, Schema]] = {
    "titles": {**_list(_CELL_TEXT), "minItems": 1, "description": "All titles of the header, in any order."},
    "columns": {**_COLUMNS, "description": "The field of a title; null for a column that is left out."},
    "values": {**_VALUES, "description": "By field, texts of cells and what is read in their place."},
}
_KEPT_MAPPING: Final[dict[str, Schema]] = {
    "id": {"type": "integer"},
    "dataset": TEXT,
    **_MAPPING,
    "made_by": OPTIONAL_TEXT,
    "made_at": TIME,
    "yaml": {**TEXT, "description": "As it stands in a dataset."},
}
_SEEN_SHEET: Final[dict[str, Schema]] = {
    "sheets": {**_list(TEXT), "description": "All of the workbook, in the order of the tabs."},
    "sheet": {**TEXT, "description": "The one that was read."},
    "rows": {**_list(_list(OPTIONAL_TEXT)), "description": "Its first rows as they were read."},
    "header_row": {**OPTIONAL_COUNT, "description": "The row of the titles, from 1."},
    "columns": _list(
        _object(
            column=_COLUMN,
            letters=TEXT,
            title=TEXT,
            field={**OPTIONAL_TEXT, "description": "The field that it is read as."},
            suggestions={
                **_list(_object(field=TEXT, because={"enum": ["same words", "similar words", "same kind of values"]})),
                "description": "Fields without a column that it may be, the likeliest first.",
            },
        )
    ),
    "fields": _list(
        _object(
            name=TEXT,
            type=TEXT,
            titles=_list(TEXT),
            required={"type": "boolean"},
            values={**_list(TEXT), "description": "Those that are allowed, if they are listed."},
        )
    ),
    "values": {
        **_list(_object(field=TEXT, found=_list(_object(text=TEXT, rows=COUNT, suggestion=OPTIONAL_TEXT)))),
        "description": "Texts in the file that a field does not allow.",
    },
    "rejection": {"anyOf": [ref("ErrorRecord"), {"type": "null"}]},
    "mapping": {
        **_object(columns=_COLUMNS, values=_VALUES),
        "type": ["object", "null"],
        "description": "What the mapping says by which it is read.",
    },
}

COMPONENTS: Final[dict[str, Schema]] = {
    "Problem": {
        "type": "object",
        "description": "An answer other than success (RFC 9457).",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "code": {
                **TEXT,
                "description": "Of a refused file: the code of docs/errors.md. Of a wrong parameter: "
                "`parameter.` and `unknown`, `repeated`, `conflict` or `value`.",
            },
            "parameter": {**TEXT, "description": "The parameter that is wrong."},
            "place": {"enum": ["query", "form"], "description": "Where that parameter stands."},
            "hint": {**TEXT, "description": "What to do."},
        },
        "required": ["type", "title", "status", "detail"],
    },
    "ErrorRecord": {
        "type": "object",
        "description": "One thing wrong with a file, a row or a cell; rows are the sheet's own, from 1.",
        "properties": {
            "code": TEXT,
            "message": TEXT,
            "hint": TEXT,
            "severity": {"enum": ["error", "warning", "info"]},
            **dict.fromkeys(("sheet", "cell", "field", "header", "raw", "expected"), OPTIONAL_TEXT),
            **dict.fromkeys(("row", "column", "spec_version"), OPTIONAL_COUNT),
        },
        "required": ["code", "message", "hint", "severity"],
    },
    "Job": _object(**_JOB),
    "JobDetail": _object(**_JOB, events=_list(_object(**_EVENT)), preview=_PREVIEW),
    "JobPage": _object(jobs=_list(ref("Job")), next_cursor=OPTIONAL_TEXT),
    "ErrorPage": _object(
        errors=_list(ref("ErrorRecord")),
        errors_total={**COUNT, "description": "All that were found."},
        errors_kept={**COUNT, "description": "Those that the pages go through; CSV and xlsx have all rows."},
        next_cursor=OPTIONAL_TEXT,
    ),
    "RejectedPage": _object(
        sheet=TEXT,
        sheets={**_list(_object(name=TEXT, rows=COUNT)), "description": "Those that have rejected rows."},
        columns=_list(
            _object(
                column=_COLUMN,
                letters=TEXT,
                header=OPTIONAL_TEXT,
                field={**OPTIONAL_TEXT, "description": "Null: no field of the dataset is read from it."},
                type=OPTIONAL_TEXT,
                values={**_list(TEXT), "type": ["array", "null"], "description": "Those that are allowed."},
            )
        ),
        rows=_list(_REJECTED_ROW),
        next_cursor=OPTIONAL_TEXT,
    ),
    "CellsToCheck": _object(cells={**_list(_object(field=TEXT, text=_CELL_TEXT)), "minItems": 1}),
    "CellChecks": _object(
        cells=_list(
            _object(
                ok={"type": "boolean", "description": "Whether the row can be loaded with it."},
                value={**OPTIONAL_TEXT, "description": "What the table would get."},
                **dict.fromkeys(_TOLD, OPTIONAL_TEXT),
            )
        )
    ),
    "Corrections": _object(
        rows={
            **_list(_object(sheet=TEXT, row=_ROW, cells=_list(_object(column=_COLUMN, text=_CELL_TEXT)))),
            "minItems": 1,
            "description": "The rows that are handed in again; cells that are not named stay as they are.",
        }
    ),
    "JobEvent": _object(job_id={"type": "integer"}, dataset=TEXT, file=TEXT, submitter=OPTIONAL_TEXT, **_EVENT),
    "ResourceUsage": _object(
        cpu_usage={"type": "number", "description": "Percent of the CPUs that may be used, since `window_seconds`."},
        memory_usage={"type": "number", "description": "Percent of the memory that may be used."},
        process_count=COUNT,
        thread_count=COUNT,
        scope={"enum": ["cgroup", "host"], "description": "Whose CPU time it is."},
        window_seconds={"type": "number"},
    ),
    "ExecutorStats": _object(cpu_executor=_EXECUTOR, io_executor=_EXECUTOR),
    "PoolStats": _object(
        size={**COUNT, "description": "Connections that are kept open."},
        checked_out=COUNT,
        overflow={**COUNT, "description": "Open connections beyond the size."},
        checked_in=COUNT,
        max_overflow=COUNT,
        pending={**COUNT, "description": "Callers that wait for a connection."},
    ),
    "Health": _object(
        status={"enum": ["ok"]},
        checks=_object(cpu_executor=TEXT, io_executor=TEXT, database=TEXT, cluster=OPTIONAL_TEXT),
    ),
    "Datasets": _object(
        datasets=_list(
            _object(
                name=TEXT,
                version={"type": "integer"},
                table=TEXT,
                mode={"enum": ["insert", "upsert", "replace"]},
                match={**_list(TEXT), "description": "Globs of file names that decide without a dataset's name."},
                fields=_list(_object(name=TEXT, header=_list(TEXT), required={"type": "boolean"})),
                last_success_at=OPTIONAL_TIME,
                freshness_seconds={"type": ["number", "null"], "description": "How old the last load may be."},
            )
        )
    ),
    "Draft": _object(
        yaml={**TEXT, "description": "The dataset, with remarks."},
        content=_CONTENT,
        sheets=_list(TEXT),
        sheet={**TEXT, "description": "The sheet that was read."},
        rows={**_list(_list(OPTIONAL_TEXT)), "description": "The first rows of the sheet as they were read."},
        header_row={**OPTIONAL_COUNT, "description": "The row of the titles, from 1."},
    ),
    "Trial": _object(
        yaml={**TEXT, "description": "The dataset as it was tried, with the changes."},
        content=_CONTENT,
        problems=_list(
            _object(file=TEXT, line=OPTIONAL_COUNT, key=TEXT, reason=TEXT, remedy=TEXT),
        ),
        trial={
            **_object(
                rows=_PARSED_ROWS,
                rejection={"anyOf": [ref("ErrorRecord"), {"type": "null"}]},
                errors={**_list(ref("ErrorRecord")), "description": "The first ones."},
                errors_total=COUNT,
                table=_object(problems=_list(TEXT), advice=_list(TEXT)),
            ),
            "type": ["object", "null"],
            "description": "Nothing where the dataset itself has problems.",
        },
    ),
    "SeenSheet": _object(**_SEEN_SHEET),
    "Mapping": {**_object(**_MAPPING), "required": ["titles"]},
    "KeptMapping": _object(**_KEPT_MAPPING),
    "Mappings": _object(mappings=_list(ref("KeptMapping"))),
    "Mapped": _object(
        mapping=ref("KeptMapping"),
        job={
            "anyOf": [ref("Job"), {"type": "null"}],
            "description": "Null where the job has loaded rows, or has not ended.",
        },
    ),
    "TriedMapping": _object(
        rows=_PARSED_ROWS,
        rejection={"anyOf": [ref("ErrorRecord"), {"type": "null"}]},
        errors={**_list(ref("ErrorRecord")), "description": "The first ones."},
        errors_total=COUNT,
        first={
            **_object(columns=_list(TEXT), rows=_list(_list(OPTIONAL_TEXT))),
            "description": "The first rows that can be loaded.",
        },
        table=ref("SeenSheet"),
    ),
    "Saved": _object(
        dataset=TEXT,
        file={**TEXT, "description": "Where it was written."},
        diff={**TEXT, "description": "The change as a unified diff."},
    ),
}

JOB: Final = ref("Job")
JOB_DETAIL: Final = ref("JobDetail")
JOB_PAGE: Final = ref("JobPage")
ERROR_PAGE: Final = ref("ErrorPage")
REJECTED_PAGE: Final = ref("RejectedPage")
CELLS_TO_CHECK: Final = ref("CellsToCheck")
CELL_CHECKS: Final = ref("CellChecks")
CORRECTIONS: Final = ref("Corrections")
DATASETS: Final = ref("Datasets")
RESOURCE_USAGE: Final = ref("ResourceUsage")
EXECUTOR_STATS: Final = ref("ExecutorStats")
POOL_STATS: Final = ref("PoolStats")
HEALTH: Final = ref("Health")
DRAFT: Final = ref("Draft")
TRIAL: Final = ref("Trial")
SAVED: Final = ref("Saved")
SEEN_SHEET: Final = ref("SeenSheet")
MAPPING: Final = ref("Mapping")
KEPT_MAPPING: Final = ref("KeptMapping")
MAPPINGS: Final = ref("Mappings")
MAPPED: Final = ref("Mapped")
TRIED_MAPPING: Final = ref("TriedMapping")
EVENT_STREAM: Final = {**TEXT, "description": "Events named `job`; their data is a JobEvent."}
