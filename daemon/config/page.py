"""The page docs/configuration.md: owns how the tree of settings is written down, so that the two never differ.

Run `python -m daemon.config.page > docs/configuration.md` after a change of the settings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from ingest.spec.dataset import FileLimits

from .intake_settings import ObjectSource, WatchedFolder
from .layers import OLD_NAMES, variable_of
from .mail_settings import MailboxSettings, MailRule, ReplySettings
from .settings import Settings, TaskSettings, WatchedProcess

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_HEAD: Final = """\
# Configuration

Made by `python -m daemon.config.page` from the settings themselves; do not edit it.

Headgate reads one YAML file, `headgate.yml` in the working folder or the one that `-c` names. Every key may be left
out. `headgate check` reads the configuration and the datasets, says everything that is wrong with file, line, key,
reason and remedy, and prints the resolved sizes with where each comes from. What rests on several values, on
folders and on datasets is looked at when each value is right by itself: check again after a correction. It connects to
nothing and exits with 2 when something is wrong; `headgate run` makes the same check before it starts. Beyond that
`check` imports each registered task in a process of its own, and says which file was read, or that none is there.

```yaml
environment: production
state_dir: /var/lib/headgate
datasets: [datasets/*.yml]
database:
  url_file: secrets/database.url
intake:
  folders:
    - /srv/inbox
    - {path: /srv/stock, dataset: stock}
```

## Rules

- An unknown key is an error, and so is a key that is there twice.
- Paths in the file are relative to the file's folder, paths in the environment to the working folder. `~/` is
  the home folder.
- YAML is read by the rules of version 1.2: `no`, `on` and `12:30` are texts, `007` keeps its zeros.
- Every key can be set by the environment: `HEADGATE_SECTION__KEY`, in capitals, with two underscores. Lists
  are JSON (`["a.yml", "b.yml"]`) or a single value; `tasks` is a JSON object
  (`{"report": "shop.reports:monthly"}`). A variable that is set to nothing counts as unset. A variable of
  this form that names no setting is an error.
- A `HEADGATE_` variable wins over an old name, that over the file, that over the default.
- Commands that need no daemon (`ingest`, `backfill`, `rejects --dataset`) have their `state_dir` in
  `~/.local/state/headgate` (`XDG_STATE_HOME`) where there is no file and no variable that names another.
- A size of 0 is automatic. The cores are those that the control group's quota and the affinity mask leave.
- Secrets stand in files of their own that only their user can read (`chmod 600`): `database.url_file`,
  `api.token_file`, the `password_file` of a mailbox. A password in the file's `database.url` is refused. No secret is
  ever shown.
"""


def render() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *_general(), *_sections(), *_dataset_limits(), *_old_names()])


def _general() -> Iterator[str]:
    yield "## General\n"
    plain = {name: info for name, info in Settings.model_fields.items() if not _section(info)}
    yield from _table(plain, ())
    yield f"Each of `watch`: {WatchedProcess.__doc__}\n"
    yield from _table(WatchedProcess.model_fields, None)
    yield f"Each of `tasks`: {TaskSettings.__doc__}\n"
    yield from _table(TaskSettings.model_fields, None)


def _sections() -> Iterator[str]:
    for name, info in Settings.model_fields.items():
        section = _section(info)
        if section is None:
            continue
        yield f"## `{name}`\n\n{section.__doc__}\n"
        yield from _table(section.model_fields, (name,))
        if name == "intake":
            yield "Each of `intake.folders`:\n"
            yield from _table(WatchedFolder.model_fields, None)
            yield f"Each of `intake.sources`: {ObjectSource.__doc__}\n"
            yield from _table(ObjectSource.model_fields, None)
            yield "Each of `intake.mailboxes`:\n"
            yield from _table(MailboxSettings.model_fields, None)
            yield "Each of its `rules`:\n"
            yield from _table(MailRule.model_fields, None)
            yield f"Its `reply`: {ReplySettings.__doc__}\n"
            yield from _table(ReplySettings.model_fields, None)


def _dataset_limits() -> Iterator[str]:
    yield f"## `limits` of a dataset\n\n{FileLimits.__doc__} Each dataset has its own; a message names the one.\n"
    yield from _table(FileLimits.model_fields, None)


def _old_names() -> Iterator[str]:
    yield "## Names of the replaced system\n\nThese variables keep working.\n"
    yield "| variable | setting |\n|---|---|"
    yield from (f"| `{name}` | `{'.'.join(location)}` |" for name, location in OLD_NAMES.items())
    yield ""


def _section(info: FieldInfo) -> type[BaseModel] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(fields: dict[str, FieldInfo], above: tuple[str, ...] | None) -> Iterator[str]:
    """Yield a table of settings; without a section above, they have no variables of their own."""
    yield (
        "| key | default | variable | meaning |\n|---|---|---|---|"
        if above is not None
        else ("| key | default | meaning |\n|---|---|---|")
    )
    for name, info in fields.items():
        cells = [f"`{name}`", _default(info), info.description or ""]
        if above is not None:
            cells.insert(2, f"`{variable_of((*above, name))}`")
        yield f"| {' | '.join(cells)} |"
    yield ""


def _default(info: FieldInfo) -> str:
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "shown" in extra:
        return str(extra["shown"])
    return "required" if info.is_required() else _written(info.default)


def _written(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return " ".join(f"`{one}`" for one in value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(render())
