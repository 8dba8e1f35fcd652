"""Arguments and options that several commands share: owns their names, types and help, and nothing of what they do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ingest.spec.encoding_name import is_text_encoding

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ingest.spec.dataset import FileLimits

config_option: Final = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; without it ./headgate.yml if that is there, else the defaults.",
)
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
fixes_option: Final = click.option(
    "--fixes", metavar="ID", type=click.IntRange(min=1), help="FILES hold the corrected rejected rows of this job."
)
again_option: Final = click.option(
    "--again", is_flag=True, help="Load FILES also where their content was loaded before: rows may then be there twice."
)
check_option: Final = click.option(
    "--check", "check_only", is_flag=True, help="Load nothing, and tell what would become of FILES."
)


class _Stream(click.Path):
    """What bytes can be read from, once. Links are resolved: one that the user names is theirs to name.

    A pipe of the shell (`<(…)`, /dev/stdin) is a link, too, whose end has no name by which it could be opened.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path, exists=True, dir_okay=False)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; what is not there, or a folder, fails."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        end = path.resolve()
        return end if end.exists() else path


class _RegularFile(_Stream):
    """A file that can be read more than once: a pipe gives what it has to the first who looks."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; what is a pipe, a device or a socket fails."""
        path = super().convert(value, param, ctx)
        if not Path(os.fsdecode(path)).is_file():
            shown = click.format_filename(value)
            self.fail(f"File {shown!r} is a pipe, a device or a socket: copy what it gives into a file", param, ctx)
        return path


streams_argument: Final = click.argument("files", nargs=-1, required=True, type=_Stream())
files_argument: Final = click.argument("files", nargs=-1, required=True, type=_RegularFile())
file_argument: Final = click.argument("file", type=_RegularFile())
sheet_option: Final = click.option("--sheet", help="Sheet name or index from 0; without it the first visible sheet.")
job_argument: Final = click.argument("job_id", metavar="ID", type=click.IntRange(min=1))
jobs_argument: Final = click.argument("job_ids", metavar="IDS...", nargs=-1, required=True, type=click.IntRange(min=1))


def known_encoding(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the name of an encoding as it is; raises `BadParameter` for one that Python does not know."""
    if value is not None and not is_text_encoding(value):
        raise click.BadParameter(f"no encoding of texts is named {value!r}; try utf-8, cp1252, gb18030")
    return value


encoding_option: Final = click.option(
    "--encoding", callback=known_encoding, help="Of a file of text, such as cp949; found, unless given."
)


def file_limits(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> FileLimits:
    """Return the limits of a dataset that says nothing of them but `KEY=VALUE`; raises `BadParameter`."""
    from pydantic import ValidationError

    from ingest.spec.dataset import FileLimits

    keys = [value.partition("=")[::2] for value in values]
    try:
        return FileLimits.model_validate_strings(dict(keys))
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(FileLimits.model_fields)
        raise click.BadParameter(f"{first['loc'][0]}: {first['msg']}; the limits are {known}") from None


limit_option: Final = click.option(
    "--limit",
    "limits",
    metavar="KEY=VALUE",
    multiple=True,
    callback=file_limits,
    help="Hold FILE to another limit of a dataset, such as cells=100000000 or parse_seconds=900; may be repeated.",
)


def dataset_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the datasets of the configuration that begin so, for a shell to complete; none if it is wrong."""
    from click.shell_completion import CompletionItem

    from ingest.spec.dataset_file import load_dataset
    from ingest.spec.yaml_document import DocumentError

    from ..config.dataset_files import dataset_files
    from .invocation import settings_of

    try:
        patterns = settings_of(context.params.get("config")).datasets
        names = [load_dataset(path).dataset for path in dataset_files(patterns)]
    except DocumentError:
        return []
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
