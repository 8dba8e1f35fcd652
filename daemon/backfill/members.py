"""A file in an archive, as the files of this machine and of others are: it comes into the spool and has a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..intake.archives import label_of

if TYPE_CHECKING:
    from ingest.spec.archive import ArchiveMember

    from ..executors.executors import Executors
    from ..intake.archives import Archives
    from ..spool.spool import Spool
    from ..spool.upload import Received


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFile:
    """A file of an archive that lies in the spool; `within` is what the archive is called."""

    archives: Archives
    archive: Received
    member: ArchiveMember
    within: str
    trouble: str | None = None

    @property
    def label(self) -> str:
        """What reports and the ledger call it."""
        return label_of(self.within, self.member)

    async def receive(self, _executors: Executors, _spool: Spool, _max_bytes: int) -> Received:
        """Take it out of the archive; raises what `Archives.receive` raises."""
        return await self.archives.receive(self.archive, self.member, self.label)
