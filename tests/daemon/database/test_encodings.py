"""Databases whose encoding lacks letters keep names, reasons and records that have them."""

from __future__ import annotations

import pytest
from goods import opened
from submissions import next_job, submission

from daemon.database.encodings import escaped, unescaped
from daemon.ledger.jobs import Outcome
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobFilter, JobQueries


@pytest.mark.parametrize("text", ["", "plain", "Zürich.csv", "订单.csv", "€ 5 é 😀", r"C:\data\x", r"\u12", r"\ud800"])
@pytest.mark.parametrize("codec", ["iso8859_1", "cp1252", "gb2312", "euc_jp"])
def test_what_is_kept_is_read_back(text: str, codec: str) -> None:
    assert unescaped(escaped(text, codec)) == text
    escaped(text, codec).encode(codec)


async def test_the_ledger_tells_of_files_with_any_letters(latin_database: str) -> None:
    async with opened(latin_database) as database:
        ledger = Ledger(database, lease_seconds=30)
        await ledger.open()
        await ledger.register("spool-1")
        async with ledger:
            await ledger.submit(submission("a", dataset="订单", file="订单-é.xlsx"))
            job = await next_job(ledger, datasets=["订单"])
            assert job is not None
            assert (job.dataset, job.file) == ("订单", "订单-é.xlsx")
            record = {"code": "cell.type", "raw": "订"}
            await ledger.finish_alone(job, Outcome(state="rejected", reason="订", records=(record,), errors_total=1))
            queries = JobQueries(database)
            [shown] = (await queries.page(JobFilter(text="单-"), limit=10)).jobs
            assert (shown.file, shown.reason) == ("订单-é.xlsx", "订")
            past = (await queries.pasts(["订单"]))["订单"]
            assert past.failure is not None
            assert await queries.codes_of(past.failure) == {"cell.type": 1}
