"""The reader's language: a daemon's answers follow Accept-Language, commands the locale; what is kept stays English."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from api_caller import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate

ENGLISH = "many is no whole number: wanted e.g. 1250"
CHINESE = "many 不是整数：应为类似 1250 的值"
GERMAN = "many ist nicht lesbar als ganze Zahl: erwartet z. B. 1250"


@pytest.fixture
def api(headgate: Headgate) -> Iterator[Api]:
    process = headgate.start_ready()
    yield Api(headgate.api_url, headgate.token)
    assert headgate.stop(process) == 0


def asked(api: Api, path: str, language: str, **more: object) -> Answer:
    return api(path, headers={"Accept-Language": language}, **more)  # type: ignore[arg-type]


def test_answers_are_in_the_language_that_is_asked_for(
    api: Api, headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    book = orders(tmp_path / "orders.xlsx", 8, bad=(3,)).read_bytes()
    job = api.submit(book).json["id"]
    assert api.wait(job)["errors"][0]["message"] == ENGLISH
    for wanted, language, message, reason in (
        ("fr", "en", ENGLISH, "1 row rejected"),
        ("en;q=0.5, zh-Hans;q=0.9", "zh-CN", CHINESE, "1 行被退回"),
        ("de-AT, zh;q=0.9", "de", GERMAN, "1 Zeile abgelehnt"),
    ):
        answer = asked(api, f"/jobs/{job}", wanted)
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == (language, "Accept-Language")
        found = answer.json
        assert (found["state"], found["reason"], found["errors"][0]["message"]) == ("partial", reason, message)
        assert (found["events"][-1]["event"], found["events"][-1]["detail"]) == ("partial", reason)
        assert "said" not in found["errors"][0]
        [listed] = asked(api, "/jobs", wanted).json["jobs"]
        assert listed["reason"] == reason
        for path in (f"/jobs/{job}/rejects?format=json", f"/jobs/{job}/rejects/rows"):
            page = asked(api, path, wanted)
            assert page.headers["Content-Language"] == language
            assert message in json.dumps(page.json, ensure_ascii=False)
    check = {"cells": [{"field": "quantity", "text": "many"}]}
    body, headers = json.dumps(check).encode(), {"Accept-Language": "zh", "Content-Type": "application/json"}
    [cell] = api(f"/jobs/{job}/rejects/check", method="POST", body=body, headers=headers).json["cells"]
    assert (cell["code"], cell["message"]) == ("cell.type", CHINESE)
    # Whoever fetches it, the file is in the dataset's language, which is none here.
    rows = asked(api, f"/jobs/{job}/rejects?format=csv", "zh-CN").body.decode("utf-8-sig")
    assert ENGLISH in rows
    # What is kept is English.
    table = "headgate.reject" if headgate.database_url.startswith("postgresql") else "headgate_reject"
    record = json.loads(headgate.scalar(f"SELECT record FROM {table}"))
    assert (record["message"], record["hint"]) == (ENGLISH, "enter a value of the declared type")


def test_a_refused_file_says_why_in_lists_too(api: Api) -> None:
    job = api.submit(b"PK\3\4 no workbook").json["id"]
    english = api.wait(job)["reason"]
    [listed] = asked(api, "/jobs", "zh-CN").json["jobs"]
    assert english.startswith("file.")
    assert listed["reason"].startswith(english.partition(": ")[0] + "：")
    assert asked(api, f"/jobs/{job}", "zh-CN").json["reason"] == listed["reason"]


def test_problems_are_in_the_language_that_is_asked_for(api: Api) -> None:
    problem = asked(api, "/jobs/999", "zh-CN")
    assert (problem.status, problem.headers["Content-Language"]) == (404, "zh-CN")
    assert problem.json == {"type": "about:blank", "title": "未找到", "status": 404, "detail": "没有编号为 999 的任务"}
    assert asked(api, "/jobs/999", "fr;q=0.5").json["detail"] == "there is no job 999"
    refused = asked(api, "/jobs?name=unknown.xlsx", "de", method="POST", body=b"x").json
    assert refused["detail"] == "match keines Datensatzes erfasst 'unknown.xlsx'"
    assert refused["hint"].startswith("den Datensatz nennen (einen von: orders)")
    assert Api(api.url, "x" * 40)("/jobs", headers={"Accept-Language": "zh"}).json["title"] == "未授权"


def test_commands_follow_the_locale(api: Api, headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]) -> None:
    assert api.url
    headgate.more_environ = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}
    done = headgate.command("submit", orders(tmp_path / "orders.xlsx", 8, bad=(3,)), "--wait", "-c", headgate.config)
    assert (done.returncode, CHINESE in done.stdout) == (1, True), done.stderr
    assert "1 行被退回" in headgate.command("jobs", "-c", headgate.config).stdout
    missing = headgate.command("job", "999", "-c", headgate.config)
    assert missing.stderr == "headgate: 没有编号为 999 的任务\n"
    assert "Show one job" in headgate.command("job", "--help").stdout
    headgate.more_environ["LC_ALL"] = "C"
    assert "1 row rejected" in headgate.command("jobs", "-c", headgate.config).stdout


def test_a_file_that_is_loaded_at_once_is_told_of_in_the_locale(
    headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    headgate.more_environ = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}
    spec, book = headgate.folder / "datasets" / "orders.yml", orders(tmp_path / "orders.xlsx", 8, bad=(3,))
    command = ("ingest", book, "--dataset", spec, "--database", headgate.database_url)
    done = headgate.command(*command)
    assert done.stdout.splitlines()[:2] == [
        f"{book}：部分入库（任务 1）：读取 8, 新增 7, 退回 1",
        f"  cell.type: 订单 C5: {CHINESE}; 请填写规定类型的值",
    ]
    headgate.more_environ["LANG"] = "de_DE.UTF-8"
    again = headgate.command(*command, "--json")
    assert json.loads(again.stdout)["reason"] == "derselbe Inhalt ist Auftrag 1"


def test_beside_a_refused_file_the_reason_is_in_the_language_of_the_dataset(headgate: Headgate) -> None:
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(f"language: zh\n{spec.read_text(encoding='utf-8')}", encoding="utf-8")
    headgate.settings["intake"] = {"folders": [{"path": "inbox", "taken": "move"}], "scan_seconds": 0.1}
    headgate.write_config()
    process = headgate.start_ready()
    (headgate.inbox / "orders.xlsx").write_bytes(b"no workbook")
    reason = headgate.inbox / "rejected" / "orders.reason.txt"
    headgate.until(reason.exists, "the reason is beside the file")
    end, why = reason.read_text(encoding="utf-8").splitlines()
    [job] = headgate.jobs()
    assert end == f"{job['file']}：退回（任务 1）"
    code, english = job["reason"].split(": ", 1)
    assert why.startswith(f"{code}：")
    assert english not in why
    assert headgate.stop(process) == 0
