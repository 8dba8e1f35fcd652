"""A real Dask scheduler and real `headgate worker`s on loopback, each a process that a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from certificates import Pair


@dataclass(slots=True, kw_only=True)
class DaskCluster:
    """One scheduler, and workers with folders of their own below `folder`; the spool is a folder that all reach."""

    folder: Path
    binary: Path
    free_port: Callable[[], int]
    port: int
    certificates: tuple[Path, Pair] | None = None
    """The authority's certificate, and the one that everybody shows; then the cluster speaks TLS."""
    environ: dict[str, str] = field(default_factory=dict)
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def spool(self) -> dict[str, str]:
        return {"url": (self.folder / "shared").as_uri()}

    @property
    def settings(self) -> dict[str, Any]:
        """What a daemon needs to have its work done here."""
        if self.certificates is None:
            return {"engine": "dask", "scheduler": f"tcp://127.0.0.1:{self.port}"}
        authority, pair = self.certificates
        return {
            "engine": "dask",
            "scheduler": f"tls://127.0.0.1:{self.port}",
            "tls_ca_file": str(authority),
            "tls_certificate_file": str(pair.certificate),
            "tls_key_file": str(pair.key),
        }

    @property
    def log(self) -> Path:
        return self.folder / "cluster.log"

    def start_scheduler(self) -> None:
        command: list[Any] = [self.binary.with_name("dask"), "scheduler", "--host", "127.0.0.1"]
        command += ["--port", str(self.port)]
        if self.certificates is not None:
            authority, pair = self.certificates
            command += ["--protocol", "tls", "--tls-ca-file", authority]
            command += ["--tls-cert", pair.certificate, "--tls-key", pair.key]
        self.scheduler = self._start([*command, "--no-dashboard", "--dashboard-address", "127.0.0.1:0"])

    def start_worker(
        self, places: int = 2, *, version: str | None = None, spool: Path | None = None, **more: Any
    ) -> subprocess.Popen[bytes]:
        """Start a worker; `more` are settings of its executors. It may be of another version, or have another spool."""
        folder = self.folder / f"worker-{len(self.workers)}"
        folder.mkdir()
        settings = {
            "executors": {**self.settings, "engine": "local", "cpu_workers": places, **more},
            "spool": self.spool if spool is None else {"url": spool.as_uri()},
            "exporter": {"port": self.free_port()},
            "api": {"enabled": False},
        }
        config = folder / "headgate.yml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        environ = {}
        if version is not None:
            # What is installed there says so, before anything of Headgate asks for it.
            (folder / "sitecustomize.py").write_text(f"import daemon.version\ndaemon.version.VERSION = {version!r}\n")
            environ["PYTHONPATH"] = str(folder)
        worker = self._start([self.binary, "worker", "-c", config], environ)
        self.workers.append(worker)
        return worker

    def _start(self, command: list[Any], environ: Mapping[str, str] = MappingProxyType({})) -> subprocess.Popen[bytes]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env={**clean, **self.environ, **environ}
            )

    def open(self, workers: int = 2) -> None:
        (self.folder / "shared").mkdir(parents=True)
        self.start_scheduler()
        for _ in range(workers):
            self.start_worker()

    def close(self) -> None:
        started = [*self.workers, *(() if self.scheduler is None else (self.scheduler,))]
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        for process in started:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
