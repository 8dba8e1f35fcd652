"""The stack: Prometheus and Alertmanager of the system's packages, with the shipped configuration, beside the demo.

`python examples/stack.py` stays up until Ctrl-C, which ends all that it started. `--once` ends when the workbooks are
loaded, Prometheus scrapes the daemon and evaluates every rule, and Alertmanager has the alert that always fires.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import yaml
from demo import CONFIG, KILL_SECONDS, LOG_LINES, POLL_SECONDS, demonstrate, outcome
from expectations import DemoError

from daemon.config.load import load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from daemon.config.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[1]
START_SECONDS: Final = 60.0
SEEN_SECONDS: Final = 120.0
MINUTE: Final = 60.0
ALWAYS_FIRES: Final = "HeadgateWatchdog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the two programs listen, on loopback."""

    prometheus: str
    alertmanager: str


def main() -> None:
    """Run the stack and turn its outcome into an exit code."""
    parser = argparse.ArgumentParser(description="Headgate's demo, watched by Prometheus and Alertmanager")
    parser.add_argument("--once", action="store_true", help="end when everything has been seen to work")
    parser.add_argument("--prometheus-port", type=int, default=9090)
    parser.add_argument("--alertmanager-port", type=int, default=9093)
    options = parser.parse_args()
    addresses = Addresses(
        prometheus=f"127.0.0.1:{options.prometheus_port}", alertmanager=f"127.0.0.1:{options.alertmanager_port}"
    )
    sys.exit(outcome(lambda console: watched_demo(console, addresses, once=options.once)))


async def watched_demo(console: Console, addresses: Addresses, *, once: bool) -> int:
    """Start both programs and the demo; return the demo's exit code."""
    settings = load_settings(CONFIG)
    folder = settings.state_dir / "stack"
    folder.mkdir(parents=True, exist_ok=True)

    async def afterwards() -> None:
        if once:
            await until_all_is_seen(console, addresses)
        console.print(f"Prometheus    http://{addresses.prometheus}/alerts")
        console.print(f"Alertmanager  http://{addresses.alertmanager}")
        console.print("Grafana is in no system package: docker compose -f deploy/compose.yaml up has it")

    async with AsyncExitStack() as running:
        for name, command, address in commands(folder, settings, addresses, once=once):
            await running.enter_async_context(program(name, command, folder / f"{name}.log", address))
        return await demonstrate(console, once=once, afterwards=afterwards)


def commands(
    folder: Path, settings: Settings, addresses: Addresses, *, once: bool
) -> tuple[tuple[str, list[str], str], ...]:
    """Return name, command and address of each program, in the order of their start."""
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(prometheus_configuration(settings, addresses, once=once)), encoding="utf-8")
    alertmanager = [
        installed("prometheus-alertmanager", "alertmanager"),
        f"--config.file={ROOT / 'alerts' / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={addresses.alertmanager}",
        "--cluster.listen-address=",
    ]
    prometheus = [
        installed("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={addresses.prometheus}",
        # An alert that fires before Alertmanager has been found is told again after this time only.
        f"--rules.alert.resend-delay={'2s' if once else '1m'}",
    ]
    return (
        ("alertmanager", alertmanager, addresses.alertmanager),
        ("prometheus", prometheus, addresses.prometheus),
    )


def prometheus_configuration(settings: Settings, addresses: Addresses, *, once: bool) -> dict[str, Any]:
    """Return prometheus.yml as shipped, with the addresses of this run and the rules' whole paths."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus.yml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(ROOT / name) for name in config["rule_files"]]
    exporter = f"{settings.exporter.host}:{settings.exporter.port}"
    config["scrape_configs"][0]["static_configs"] = [{"targets": [exporter]}]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [addresses.alertmanager]}]
    if once:
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    return config


def installed(*names: str) -> str:
    """Return the path of a program, by the first of its names that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise DemoError(f"{names[0]} is not installed; run: make services")
    return found


@asynccontextmanager
async def program(name: str, command: list[str], log_file: Path, address: str) -> AsyncIterator[None]:
    """Run a program that says on /-/ready when it is; leaving stops it, by force if it must be."""
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await until_ready(name, process, log_file, address)
        yield
    finally:
        for attempt in (process.terminate, process.kill):
            if process.returncode is None:
                attempt()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), KILL_SECONDS)


async def until_ready(name: str, process: asyncio.subprocess.Process, log_file: Path, address: str) -> None:
    """Wait until the program is ready."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                if await answer(f"http://{address}/-/ready") is not None and process.returncode is None:
                    return
                await asyncio.sleep(POLL_SECONDS)
    with log_file.open(encoding="utf-8", errors="replace") as log:
        lines = "".join(deque(log, maxlen=LOG_LINES))
    raise DemoError(f"{name} does not start on {address}; its log {log_file} ends with:\n{lines}")


async def answer(url: str) -> Any:
    """Return what an address answers, JSON if it is that; None if it does not answer."""
    with suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(url) as response,
        ):
            if response.ok:
                return await (response.json() if response.content_type == "application/json" else response.text())
    return None


async def until_all_is_seen(console: Console, addresses: Addresses) -> None:
    """Wait until Prometheus has scraped and judged, and Alertmanager has been told."""
    api = f"http://{addresses.prometheus}/api/v1"
    waits: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
        ("Prometheus scrapes the daemon", f"{api}/targets", scraped),
        ("Prometheus evaluates the rules", f"{api}/rules", evaluated),
        ("Alertmanager has the watchdog's alert", f"http://{addresses.alertmanager}/api/v2/alerts", told),
    )
    for what, url, seen in waits:
        try:
            async with asyncio.timeout(SEEN_SECONDS):
                await until(url, seen)
        except TimeoutError:
            raise DemoError(f"not within {SEEN_SECONDS:g} s: {what} ({url})") from None
        console.print(f"seen: {what}", style="green")


async def until(url: str, seen: Callable[[Any], bool]) -> None:
    """Ask an address again and again until its answer shows what is waited for."""
    while True:
        found = await answer(url)
        if found is not None and seen(found):
            return
        await asyncio.sleep(POLL_SECONDS)


def scraped(found: Any) -> bool:
    """Say whether every target is up."""
    targets = found["data"]["activeTargets"]
    return bool(targets) and all(target["health"] == "up" for target in targets)


def evaluated(found: Any) -> bool:
    """Say whether no rule fails, and those of every group that is evaluated within a minute have been."""
    groups = found["data"]["groups"]
    health = {rule["health"] for group in groups if group["interval"] <= MINUTE for rule in group["rules"]}
    return health == {"ok"} and all(rule["health"] != "err" for group in groups for rule in group["rules"])


def told(found: Any) -> bool:
    """Say whether the alert that always fires has arrived."""
    return any(alert["labels"]["alertname"] == ALWAYS_FIRES for alert in found)


if __name__ == "__main__":
    main()
