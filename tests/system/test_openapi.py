"""The OpenAPI document against the running daemon: nothing undocumented, no 500, and every route is in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api

from daemon.api.auth import ROLES
from daemon.api.schemas import COMPONENTS
from daemon.ledger.jobs import Job

if TYPE_CHECKING:
    from .conftest import Headgate

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
GENERATED = 40
"""Requests a phase makes for each operation."""


@pytest.mark.timeout(540)
def test_schemathesis_finds_nothing(sqlite_headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    headgate.settings["tasks"] = {"echo": "json:dumps"}
    headgate.write_config()
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    jobs = [
        api.submit(orders(tmp_path / f"o{number}.xlsx", 5, start=number * 100, bad=(number,)).read_bytes())
        for number in range(3)
    ]
    assert [api.wait(job.json["id"])["state"] for job in jobs] == ["partial"] * 3
    # Half of the requests are to reach a job and a dataset that are there.
    (tmp_path / "schemathesis.toml").write_text('[parameters]\nid = 2\ndataset = "orders"\n')
    for config in (["--config-file", tmp_path / "schemathesis.toml"], []):
        done = subprocess.run(
            [
                *(str(SCHEMATHESIS), *map(str, config), "run", f"{headgate.api_url}/openapi.json", "--seed", "1"),
                *("--header", f"Authorization: Bearer {headgate.token}", "--checks", "all"),
                # A workbook that is refused for what is in it is no defect of the API; wrong tokens are the next
                # test's affair, for after some of them the answer is 429; the stream has no end.
                *("--exclude-checks", "positive_data_acceptance,ignored_auth", "--exclude-path", "/api/v1/events"),
                *("--max-examples", str(GENERATED), "--workers", "1", "--continue-on-failure", "--no-shrink"),
                *("--no-color", "--request-timeout", "20"),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-8000:]
        made = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
        assert made is not None, done.stdout[-8000:]
        assert int(made[1]) > 300
    assert "request failed" not in headgate.log.read_text()
    assert headgate.stop(process) == 0


def test_the_document_has_every_route_and_its_roles(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    document = json.loads(headgate.get(f"{headgate.api_url}/openapi.json")[1])
    assert document["openapi"] == "3.1.0"
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) >= {
        *("POST /api/v1/jobs", "GET /api/v1/jobs", "GET /api/v1/jobs/{id}", "GET /api/v1/jobs/{id}/rejects"),
        *("POST /api/v1/jobs/{id}/retry", "POST /api/v1/jobs/{id}/cancel", "GET /api/v1/events"),
        *("GET /api/v1/system/resource-usage", "GET /api/v1/system/executor-stats"),
        *("GET /api/v1/system/db-pool-stats", "POST /api/v1/tasks/{name}", "POST /-/reload"),
    }
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for name, operation in operations.items():
        if name == "GET /api/v1/openapi.json":
            assert "security" not in operation
            continue
        assert operation["security"] == [{"token": []}], name
        assert {"401", "403", "429"} <= set(operation["responses"]), name
        assert any(role in operation["description"] for role in ROLES), name
        status = Api(headgate.api_url.removesuffix("/api/v1"), "a-wrong-token-0123")(
            name.partition(" ")[2].replace("{id}", "1").replace("{name}", "x"), method=name.partition(" ")[0]
        ).status
        assert status in {401, 429}, name
    assert headgate.stop(process) == 0


def test_the_job_schema_is_what_a_job_shows() -> None:
    required: dict[str, Any] = {
        field.name: 0
        for field in fields(Job)
        if field.default is field.default_factory  # both are MISSING
    }
    shown = Job(**required).as_dict()
    assert set(COMPONENTS["Job"]["properties"]) == set(shown)
    assert set(COMPONENTS["Job"]["properties"]["rows"]["properties"]) == set(shown["rows"])
