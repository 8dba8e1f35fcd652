"""Which dataset takes a file, by the patterns of its `match`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ..errors import ErrorRecord, FileRejectedError
from ..messages import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .dataset import Dataset

NO_DATASETS: Final = say("no dataset is configured: name their files in the setting datasets")


def choose_dataset(datasets: Mapping[str, Dataset], name: str | None, *paths: str) -> Dataset:
    """Return the dataset of that name, or without a name the one whose `match` takes one of the paths.

    Raises:
        FileRejectedError: `file.no_spec` (unknown name, no match) or `file.spec_ambiguous`.

    """
    known = ", ".join(sorted(datasets))
    if name is not None:
        if name in datasets:
            return datasets[name]
        message = say("there is no dataset {name}", name=repr(name))
        raise _no_spec(message, say("the datasets are: {known}", known=known) if known else NO_DATASETS)
    found = [dataset for dataset in datasets.values() if _takes(dataset, paths)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise _no_spec(
            say("no dataset's match takes {path}", path=repr(paths[0])),
            say("name the dataset (one of: {known}) or widen a match", known=known) if known else NO_DATASETS,
        )
    raise FileRejectedError(
        ErrorRecord(
            code="file.spec_ambiguous",
            message=say(
                "several datasets take {path}: {datasets}",
                path=repr(paths[0]),
                datasets=", ".join(sorted(d.dataset for d in found)),
            ),
            hint=say("name the dataset, or make their match patterns exclusive"),
        )
    )


def _no_spec(message: str, hint: str) -> FileRejectedError:
    return FileRejectedError(ErrorRecord(code="file.no_spec", message=message, hint=hint))


def _takes(dataset: Dataset, paths: tuple[str, ...]) -> bool:
    globs = dataset.match.glob if dataset.match else ()
    return any(glob_takes(pattern, path) for pattern in globs for path in paths)


def glob_takes(pattern: str, path: str) -> bool:
    """Match like a shell with `**` for any depth, none included; a pattern without a slash takes the name alone."""
    if "/" not in pattern:
        return fnmatchcase(PurePosixPath(path).name, pattern.replace("**", "*"))
    return _parts_match(pattern.split("/"), path.split("/"))


def _parts_match(pattern: list[str], parts: list[str]) -> bool:
    place = here = 0
    deep: int | None = None
    while here < len(parts):
        if place < len(pattern) and pattern[place] == "**":
            # None of the parts at first; what does not fit behind it makes it one more. Of several the last one does.
            deep, after = place, here
            place += 1
        elif place < len(pattern) and fnmatchcase(parts[here], pattern[place]):
            place, here = place + 1, here + 1
        elif deep is not None:
            after += 1
            place, here = deep + 1, after
        else:
            return False
    return all(part == "**" for part in pattern[place:])
