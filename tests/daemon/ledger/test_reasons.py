"""Reasons of jobs: the ledger keeps them in English, and they are known again for those who read another language."""

from __future__ import annotations

import pytest

from daemon.ledger.jobs import Job
from daemon.ledger.reasons import reason_of, told_job, told_reason
from ingest.errors import CATALOGUE, ErrorRecord
from ingest.messages import say

RECORD = ErrorRecord(
    code="file.timeout",
    message=say("reading {file} took longer than {seconds} s", file="a; b.xlsx", seconds="300"),
    hint=CATALOGUE["file.timeout"].hint,
)
TOLD = "file.timeout：读取 a; b.xlsx 超过了 300 秒；请拆分工作簿，或调大数据集的 limits.parse_seconds"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("the same content is job 7", "任务 7 的内容与此相同"),
        ("the same content is job 7: it is not loaded again", "任务 7 的内容与此相同：不再入库"),
        ("cancelled by till", "已被 till 取消"),
        ("3 rows rejected; 2 rows left out or put elsewhere by a trigger, a rule or a view of table t",
         "3 行被退回；2 行被表 t 的触发器、规则或视图略去或写到别处"),
        ("dismissed by boss; it had ended with: load.retry_exhausted: 3 daemons died while they held this job",
         "已被 boss 搁置；此前的结果是：load.retry_exhausted：先后有 3 个守护进程在处理此任务时停止"),
        ("waits: the machine lacks what it takes: No space left on device",
         "等待中：机器缺少所需的资源：No space left on device"),
        ("The worker process died while it ran the task.", "工作进程在执行调用时异常退出。"),
        ("file.timeout: it took long; fill in the cell", "file.timeout: it took long；请填写该单元格"),
        ("what nobody has a template for", "what nobody has a template for"),
        (str(reason_of(RECORD)), TOLD),
        (f"dismissed by boss; it had ended with: {reason_of(RECORD)}", f"已被 boss 搁置；此前的结果是：{TOLD}"),
        (str(RECORD.message), "读取 a; b.xlsx 超过了 300 秒"),
    ],
)  # fmt: skip
def test_a_reason_is_known_again(reason: str, told: str) -> None:
    record = RECORD.as_dict()
    assert told_reason(reason, "zh-CN", record) == told
    assert told_reason(reason, "en", record) == reason


def test_a_job_is_told_with_its_reason_and_its_errors() -> None:
    job = Job(
        id=1,
        dataset="orders",
        spec_version=1,
        file="a",
        sha256="",
        size_bytes=1,
        source="http",
        state="rejected",
        reason=str(reason_of(RECORD)),
        spool_id=None,
        spool_key=None,
    )
    assert told_job(job, "zh-CN", RECORD.as_dict())["reason"] == TOLD
    shown = told_job(job.evolve(errors=(RECORD.as_dict(),)), "zh-CN")
    assert (shown["reason"], shown["errors"][0]["message"]) == (TOLD, "读取 a; b.xlsx 超过了 300 秒")
    assert told_reason(None, "zh-CN") is None
    plain = told_job(job.evolve(errors=(RECORD.as_dict(),)), "en")
    assert (plain["reason"], plain["errors"][0]["message"]) == (job.reason, str(RECORD.message))
    assert plain["errors"][0].keys() == {*ErrorRecord.__slots__}
