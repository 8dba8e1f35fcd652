"""Where values come from: owns the names in the environment and what relative paths are relative to."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeGuard, get_args, get_origin

from pydantic import BaseModel

from ingest.spec.yaml_document import Document, Location, Problem

from .settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PREFIX: Final = "HEADGATE_"
DELIMITER: Final = "__"

OLD_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ENVIRONMENT": ("environment",),
        "CPU_EXECUTOR_WORKERS": ("executors", "cpu_workers"),
        "IO_EXECUTOR_WORKERS": ("executors", "io_workers"),
        "DB_POOL_SIZE": ("database", "pool_size"),
        "DB_MAX_OVERFLOW": ("database", "max_overflow"),
        "RESOURCE_MONITOR_CPU_THRESHOLD": ("resources", "cpu_threshold"),
        "RESOURCE_MONITOR_MEMORY_THRESHOLD": ("resources", "memory_threshold"),
        "RESOURCE_MONITOR_CHECK_INTERVAL": ("resources", "check_interval_seconds"),
        "RESOURCE_MONITOR_ENABLED": ("resources", "enabled"),
    }
)
"""Names of the system that Headgate replaces, which keep working."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Values of one origin, nested as the settings are; `names` tells which variable set a location."""

    values: dict[str, Any]
    names: dict[Location, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def leaves(
    model: type[BaseModel] = Settings, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield every setting that is no section, with its location."""
    for name, info in model.model_fields.items():
        if _is_section(info.annotation):
            yield from leaves(info.annotation, (*above, name))
        else:
            yield (*above, name), info


def variable_of(location: tuple[str, ...]) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + DELIMITER.join(location).upper()


def from_document(document: Document, base: Path) -> Layer:
    """Return the values of a configuration file in the folder `base`."""
    return Layer(values=_anchored(dict(document.data), Settings, base))


def from_environment(environ: Mapping[str, str], base: Path) -> tuple[Layer, Layer]:
    """Return the values of the `HEADGATE_` variables, and those of the old names.

    A variable that is set to nothing counts as unset. Other variables without `__` are left alone: Kubernetes makes
    such ones (`HEADGATE_PORT`) for a service of this name.
    """
    known = {variable_of(location): location for location, _ in leaves()}
    unknown = tuple(
        Problem(file="environment", line=None, key=name, reason="unknown setting", remedy=_meant(name, known))
        for name in sorted(environ)
        if name.startswith(PREFIX) and DELIMITER in name and name not in known
    )
    return _layer(environ, known, base, unknown), _layer(environ, OLD_NAMES, base, ())


def over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of both, sections key by key; where both have a value the upper one wins."""
    merged = {**lower, **upper}
    for name in upper.keys() & lower.keys():
        if isinstance(upper[name], dict) and isinstance(lower[name], dict):
            merged[name] = over(upper[name], lower[name])
    return merged


def _meant(name: str, known: Mapping[str, object]) -> str:
    # The prefix is left out, or everything would resemble everything.
    by_rest = {other.removeprefix(PREFIX).lower(): other for other in known}
    if close := get_close_matches(name.removeprefix(PREFIX).lower(), by_rest, n=1):
        return f"did you mean {by_rest[close[0]]}?"
    return "unset it, or write HEADGATE_SECTION__KEY with a setting of docs/configuration.md"


def _layer(
    environ: Mapping[str, str], known: Mapping[str, tuple[str, ...]], base: Path, unknown: tuple[Problem, ...]
) -> Layer:
    openings: dict[Any, str] = {tuple: "[", Mapping: "{"}
    shaped = {location: openings.get(get_origin(info.annotation), "") for location, info in leaves()}
    layer = Layer(values={}, names={})
    problems = list(unknown)
    for name, location in known.items():
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            value = json.loads(text) if shaped[location] and text.startswith(shaped[location]) else text
        except ValueError:
            reason, remedy = "not a JSON list", 'write ["a", "b"], or a single value'
            if shaped[location] == "{":
                reason, remedy = "not a JSON object", 'write {"name": "module:function"}'
            problems.append(Problem(file="environment", line=None, key=name, reason=reason, remedy=remedy))
            continue
        _put(layer.values, location, value)
        layer.names[location] = name
    return Layer(values=_anchored(layer.values, Settings, base), names=layer.names, problems=tuple(problems))


def _put(values: dict[str, Any], location: tuple[str, ...], value: object) -> None:
    for part in location[:-1]:
        values = values.setdefault(part, {})
    values[location[-1]] = value


# -- paths --------------------------------------------------------------------------------------------


def _anchored(values: dict[str, Any], model: type[BaseModel], base: Path) -> dict[str, Any]:
    """Make the paths absolute, while it is known where they were written; leave what is wrong to the validation."""
    anchored = dict(values)
    for name, info in model.model_fields.items():
        if name in anchored:
            anchored[name] = _anchor(anchored[name], info.annotation, base)
    if model is Settings and "datasets" in anchored:
        anchored["datasets"] = _globs(anchored["datasets"], base)
    return anchored


def _anchor(value: Any, annotation: Any, base: Path) -> Any:
    if _is_section(annotation):
        if isinstance(value, dict):
            return _anchored(value, annotation, base)
        return str(_absolute(value, base)) if isinstance(value, str) and "path" in annotation.model_fields else value
    if annotation is Path or Path in get_args(annotation):
        return str(_absolute(value, base)) if isinstance(value, str) and value else value
    if isinstance(value, dict) and (sections := [one for one in get_args(annotation) if _is_section(one)]):
        return _anchored(value, sections[0], base)
    if get_origin(annotation) is tuple:
        items = value if isinstance(value, list) else [value]
        return [_anchor(item, _bare(get_args(annotation)[0]), base) for item in items]
    return value


def _is_section(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _bare(annotation: Any) -> Any:
    """Return `T` of `Annotated[T, ...]`."""
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


def _globs(value: Any, base: Path) -> Any:
    patterns = value if isinstance(value, list) else [value]
    folder = Path(glob.escape(str(base)))
    return [str(_absolute(item, folder)) if isinstance(item, str) and item else item for item in patterns]


def _absolute(text: str, base: Path) -> Path:
    return base / (Path(text).expanduser() if text.startswith("~/") else text)
