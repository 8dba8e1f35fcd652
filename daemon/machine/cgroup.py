"""Where a process stands in the control groups: its own group and every one above, for a limit on the way binds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .kernel_files import read


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupTree:
    """The mounted hierarchies, v2 and v1, and the file that names this process's groups."""

    root: Path = Path("/sys/fs/cgroup")
    membership: Path = Path("/proc/self/cgroup")

    def unified(self) -> Iterator[Path]:
        """Yield the folders of v2, innermost first."""
        yield from _folders(self.root, self._path(""))

    def controller(self, name: str, *mounts: str) -> Iterator[Path]:
        """Yield the folders of a controller of v1, innermost first; it is mounted below one of the names."""
        path = self._path(name)
        for mount in mounts or (name,):
            yield from _folders(self.root / mount, path)

    def _path(self, controller: str) -> str | None:
        """Find the group's path in lines such as `0::/a` (v2, no controller) or `4:cpu,cpuacct:/a` (v1)."""
        for line in read(self.membership).splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controller in controllers.split(","):
                return path
        return None


def _folders(root: Path, path: str | None) -> Iterator[Path]:
    if path is None:
        return
    inside = path.strip("/")
    # A group outside the namespace's root reads "/../..": only the root itself can be looked at.
    folder = root if ".." in inside.split("/") else root / inside
    while folder != root:
        yield folder
        folder = folder.parent
    yield root
