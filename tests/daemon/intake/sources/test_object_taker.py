"""The steps by which a file of a source is taken: each is told, so that a large file is no source that stands still."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.config.intake_settings import IntakeSettings, ObjectSource
from daemon.errors import StorageChangedError, StorageRefusedError
from daemon.intake.sources.object_taker import ObjectTaker
from daemon.intake.sources.receiving import receive
from daemon.intake.sources.settings import Source
from daemon.spool.spool import Spool
from daemon.storage.filesystem import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storage_servers import Place

    from daemon.intake.submissions import Submissions
    from daemon.pipeline.parts import PipelineParts
    from daemon.storage.store import StoredObject

LIMIT = 1 << 30
BLOCKS = 3


async def run_io(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    return await asyncio.to_thread(function, *args)


async def test_each_block_of_a_file_tells_that_the_source_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "orders.csv").write_bytes(b"x" * (BLOCKS * BLOCK_BYTES))
    source = Source.of(ObjectSource.model_validate({"name": "shop", "url": folder.as_uri()}), IntakeSettings())
    spool, executors = Spool(tmp_path / "spool", "daemon").open(), SimpleNamespace(run_io=run_io)
    told: list[None] = []
    taker = ObjectTaker(
        source,
        cast("PipelineParts", SimpleNamespace(executors=executors, spool=spool)),
        cast("Submissions", None),
        closing=asyncio.Event(),
        goes_on=lambda: told.append(None),
    )

    async def take(file: Any) -> None:
        await receive(file, source.storage, spool, LIMIT, executors=cast("Any", executors), call=taker.call)

    [[file]] = source.storage.pages()
    await take(file)
    assert len(told) == 1 + BLOCKS + 1  # the place in the spool, the blocks, and that they stay
    told.clear()
    (folder / "orders.csv").write_bytes(b"another")
    with pytest.raises(StorageChangedError):
        await take(file)
    assert len(told) == 1, "a step that fails is none"
    spool.close()


def mover(place: Place) -> ObjectTaker:
    """Return what moves the files of a place into a folder beside them."""
    said = {
        "name": "shop",
        "url": place.url,
        "options": place.options,
        "credentials_file": place.credentials_file,
        "after": f"move:{place.url}/taken",
    }
    source = Source.of(ObjectSource.model_validate(said), IntakeSettings())
    parts = SimpleNamespace(executors=SimpleNamespace(run_io=run_io))
    return ObjectTaker(
        source,
        cast("PipelineParts", parts),
        cast("Submissions", None),
        closing=asyncio.Event(),
        goes_on=lambda: None,
    )


async def listed(taker: ObjectTaker) -> StoredObject:
    pages = await asyncio.to_thread(lambda: list(taker._source.storage.pages(skip="taken")))
    [found] = [file for page in pages for file in page]
    return found


async def test_what_an_earlier_ledger_has_moved_is_not_replaced(place: Place) -> None:
    """It had a file of this name, and a job of this number."""
    place.put("taken/orders.csv", b"the first")
    place.put("taken/orders (7).csv", b"of an earlier ledger")
    place.put("orders.csv", b"a,b\n")
    taker = mover(place)
    await taker.put_away(await listed(taker), 7)
    assert place.names() == {f"taken/orders{number}.csv" for number in ("", " (7)", " (7.2)")}


async def test_an_object_that_may_not_be_removed_is_not_copied_again_and_again(s3: Place) -> None:
    """A bucket with versions grew with every look."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteObject"]}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": f"arn:aws:s3:::{s3.bucket}/*"}]}
    s3.put("orders.csv", b"a,b\n")
    s3.s3.put_bucket_policy(Bucket=s3.bucket, Policy=json.dumps(policy))
    s3.s3.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Enabled"})
    taker = mover(s3)
    for _ in range(4):
        with pytest.raises(StorageRefusedError):
            await taker.put_away(await listed(taker), 7)
    versions = [one["Key"] for one in s3.s3.list_object_versions(Bucket=s3.bucket)["Versions"]]
    assert sorted(versions) == ["new/orders.csv", "new/taken/orders (7).csv", "new/taken/orders.csv"]
    s3.s3.delete_bucket_policy(Bucket=s3.bucket)
    await taker.put_away(await listed(taker), 7)
    assert s3.names() == {"taken/orders.csv", "taken/orders (7).csv"}
