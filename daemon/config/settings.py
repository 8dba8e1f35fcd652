"""The tree of settings: owns every key, its type, its default and its meaning; knows not where values come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .intake_settings import IntakeSettings
from .section import Section
from .value_types import (
    ANY_CASE,
    KEPT_SECONDS_MAX,
    ONE_OR_MORE,
    Automatic,
    Count,
    Host,
    KeptSeconds,
    Megabytes,
    Number,
    Percent,
    Port,
    Seconds,
    SecondsOrZero,
    Target,
    TaskName,
    WorkerMemory,
    is_loopback,
    text_as,
)

OWN_GROUPS: Final = ("daemon", "cpu_workers")
"""What groups of Headgate's own processes are called in the metrics."""


class DatabaseSettings(Section):
    """The database of the ledger and the target tables, and the pool of connections to it."""

    url: str = Field(
        default="",
        repr=False,
        description="`postgresql://user@host/name` or `sqlite:///path`. A password belongs in `url_file`.",
        json_schema_extra={"shown": "SQLite in `<state_dir>/headgate.db`"},
    )
    url_file: Path | None = Field(
        default=None, description="A file that only this user can read (0600), with the URL in it, password included."
    )
    pool_size: Automatic = Field(
        default=0, description="Connections kept open. 0: 10 in development, min(30, cores * 10) in production."
    )
    max_overflow: Automatic = Field(
        default=0, description="Connections beyond those. 0: 10 in development, min(20, cores * 5) in production."
    )
    pool_timeout_seconds: Seconds = Field(default=30, description="How long a caller waits for a connection.")
    leak_seconds: Seconds = Field(default=300, description="A connection held for longer counts as leaked.")
    connect_timeout_seconds: Seconds = Field(default=10, description="How long a connection may take to open.")
    lock_timeout_seconds: Seconds = Field(
        default=60,
        description="How long a statement of a load waits for a lock that somebody else holds; then it is tried "
        "again. The ledger's own wait for half of `statement_timeout_seconds` at most.",
    )
    statement_timeout_seconds: Seconds = Field(
        default=30,
        description="How long PostgreSQL may be silent to a statement of the ledger; then the connection is ended, "
        "the other idle ones with it, and all is tried again on new ones.",
    )
    load_timeout_seconds: Seconds = Field(
        default=600,
        description="The same for a statement of a load, as long as no bytes pass between Headgate and the server.",
    )
    pooler: Annotated[Literal["auto", "none", "transaction"], ANY_CASE] = Field(
        default="auto",
        description="`transaction` behind a pooler such as pgbouncer, in transaction or session mode: nothing is left "
        "on its connections. `auto` finds out; `none` never looks.",
    )
    watch_applications: Annotated[tuple[str, ...], ONE_OR_MORE, Field(max_length=10)] = Field(
        default=(),
        description="Application names whose connections to the PostgreSQL server are counted apart, at most 10.",
    )


class ExecutorSettings(Section):
    """The worker processes that parse, and the threads that wait for files."""

    engine: Annotated[Literal["local", "dask"], ANY_CASE] = Field(
        default="local",
        description="Where files are parsed and registered CPU tasks run: in this machine's workers, or in those of a "
        "Dask cluster, each started by `headgate worker`; that needs `spool.url`. See docs/cluster.md.",
    )
    scheduler: str | None = Field(
        default=None,
        pattern=r"^(tls|tcp)://[^/\s]+:\d+$",
        description="The Dask scheduler, as `tls://scheduler.example.com:8786`; `tcp://` on this machine only.",
        json_schema_extra={"shown": "none"},
    )
    tls_ca_file: Path | None = Field(
        default=None, description="PEM certificates; the scheduler must show one that one of them signed."
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="The PEM certificate that is shown to the scheduler and to workers."
    )
    tls_key_file: Path | None = Field(
        default=None, description="Its key, PEM, in a file that only this user can read (0600)."
    )

    cpu_workers: Automatic = Field(default=0, description="Worker processes at most. 0: max(1, cores - 1).")
    io_workers: Automatic = Field(default=0, description="Threads at most. 0: min(cores * 5, 20).")
    queue_limit: Count = Field(default=1000, description="Tasks that may wait in each pool.")
    queue_timeout_seconds: Seconds = Field(
        default=60, description="How long a task waits for a place in a full queue before it is refused."
    )
    task_timeout_seconds: Seconds = Field(default=300, description="A task that takes longer is killed.")
    worker_memory_mb: WorkerMemory = Field(
        default=0,
        description="Address space of a worker process in MiB (RLIMIT_AS), at least 128. 0: 2048, or less where the "
        "memory limit of the control group, divided over the workers, leaves less.",
    )
    worker_cpu_seconds: Count = Field(default=300, description="CPU time of a worker process for one task.")
    recycle_tasks: Count = Field(default=200, description="A worker is replaced after this many tasks.")
    recycle_mb: Annotated[Megabytes, Field(ge=64)] = Field(
        default=1024, description="A worker that holds more memory than this in MiB after a task is replaced."
    )
    idle_seconds: Seconds = Field(default=60, description="A worker that is idle for longer is ended.")
    start_timeout_seconds: Seconds = Field(default=30, description="How long a worker may take to start.")

    @property
    def scheduler_is_here(self) -> bool:
        """Whether nobody but this machine reaches the scheduler."""
        address = (self.scheduler or "").partition("://")[2]
        return is_loopback(address.rpartition(":")[0].strip("[]"))

    @model_validator(mode="after")
    def _reached_safely(self) -> Self:
        if self.engine == "dask" and self.scheduler is None:
            raise PydanticCustomError("cluster", "engine dask needs a scheduler; set scheduler to its address")
        if self.scheduler is None:
            return self
        scheme, _, address = self.scheduler.partition("://")
        if scheme == "tcp" and not self.scheduler_is_here:
            message = "tcp:// to another machine is open to everybody in between; write tls://{address}"
            raise PydanticCustomError("cluster", message, {"address": address})
        files = (self.tls_ca_file, self.tls_certificate_file, self.tls_key_file)
        if scheme == "tls" and None in files:
            message = "tls:// needs tls_ca_file, tls_certificate_file and tls_key_file; set all three"
            raise PydanticCustomError("cluster", message)
        return self


class SpoolSettings(Section):
    """Where accepted files lie until their jobs have ended; without a URL on this machine's disk alone."""

    url: str | None = Field(
        default=None,
        description="`s3://bucket/prefix`, `file:///mounted/folder` or another kind of storage that every daemon on "
        "this ledger reaches: what one accepts another may load, also after the first is lost. See docs/deployment.md.",
        json_schema_extra={"shown": "none"},
    )
    options: Mapping[str, str] = Field(
        default_factory=dict,
        description="What the storage needs beside its URL, such as `endpoint_url`; see docs/sources.md.",
        json_schema_extra={"shown": "none"},
    )
    credentials_file: Path | None = Field(
        default=None, description="A file that only this user can read (0600), with the storage's credentials as YAML."
    )
    timeout_seconds: Seconds = Field(default=30, description="How long the storage may take for one answer.")


class WatchedProcess(Section):
    """Processes of the application beside Headgate, with all their descendants; measured, never touched."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_.-]{0,39}$", description="What the metrics call them (label `group`): a-z, 0-9, `_.-`."
    )
    pidfile: Path | None = Field(default=None, description="A file with the number of the first of them in it.")
    process: str | None = Field(
        default=None, min_length=1, description="The name of their program, or of the script that it runs."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.pidfile is None) == (self.process is None):
            raise PydanticCustomError("watch", "processes are found in one way; write either pidfile or process")
        if self.name in OWN_GROUPS:
            message = "{name} is what Headgate calls processes of its own; choose another name"
            raise PydanticCustomError("watch", message, {"name": self.name})
        return self


class LedgerSettings(Section):
    """The durable list of jobs, and when one is tried again."""

    lease_seconds: Seconds = Field(default=30, description="A job whose daemon is silent for longer is taken over.")
    beat_seconds: Seconds = Field(
        default=5, description="How often the daemon says that it lives; less than half of `lease_seconds`."
    )
    max_attempts: Count = Field(default=5, description="Attempts at a job before it is given up as dead.")
    max_crashes: Count = Field(
        default=2, description="Workers that the same content may crash before it is given up as dead."
    )
    max_lost_leases: Count = Field(
        default=100, description="Times that a job's daemon may vanish before the job is given up as dead."
    )
    backoff_seconds: Seconds = Field(default=1.0, description="Wait before the second attempt; doubles with each.")
    backoff_max_seconds: Annotated[Seconds, Field(le=3600)] = Field(
        default=300, description="The longest wait between attempts."
    )
    poll_seconds: Seconds = Field(
        default=1.0, description="How often jobs of other daemons are looked for, and those whose turn has come."
    )
    rejects_seconds: KeptSeconds = Field(
        default=604_800,
        description="How long the file of a job is kept that has rejected rows, for `headgate rejects`, or a header "
        "that a mapping may explain.",
    )


class RetentionSettings(Section):
    """What is kept of jobs that have ended; nothing goes that another job or a retry still needs."""

    files_seconds: KeptSeconds = Field(
        default=2_592_000,
        description="How long the file of a dead, dismissed or cancelled job is kept for `headgate retry`, and that of "
        "a checked one for `headgate load`.",
    )
    files_mb: Megabytes = Field(
        default=10_240, description="Kept files of ended jobs beyond this total go, the oldest first, in MiB."
    )
    jobs_seconds: Annotated[Number, Field(ge=0, le=KEPT_SECONDS_MAX)] = Field(
        default=15_552_000,
        description="How long ended jobs are listed (180 days); 0 keeps them for ever. What was loaded is "
        "known as a duplicate also after that.",
    )


class ApiSettings(Section):
    """The HTTP API that takes workbooks in and tells of jobs; every request needs a token."""

    enabled: bool = Field(default=True, description="Whether there is an API.")
    host: Host = Field(
        default="127.0.0.1", description="Address to listen on. Beyond loopback the token file must exist already."
    )
    port: Port = Field(default=8847, description="Port to listen on; 0 takes a free one.")
    token_file: Path = Field(
        default=Path("api.token"),
        description="A file that only this user can read (0600), made when it is missing: a token, or a line "
        "`NAME ROLE TOKEN` for each; see docs/security.md.",
        json_schema_extra={"shown": "`<state_dir>/api.token`"},
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="PEM certificate chain; with it the API speaks TLS 1.2 or later only."
    )
    tls_key_file: Path | None = Field(
        default=None, description="The certificate's key, PEM, in a file that only this user can read (0600)."
    )
    tls_client_ca_file: Path | None = Field(
        default=None, description="PEM certificates; clients must then show a certificate that one of them signed."
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s?#]+(/[^\s?#]*)?)?$",
        description="The address by which browsers reach the page through a reverse proxy, as "
        "`https://loads.example.com` or, below a path that the proxy takes off, `https://example.com/headgate/`: "
        "sign-in is taken from there, the cookie is of that path only, and with https it is marked `Secure`.",
    )
    edit_datasets: bool = Field(
        default=True,
        description="Whether a token of role `admin` may save datasets, on the page and over HTTP: into the first "
        "folder of `datasets`.",
    )
    max_uploads: Count = Field(
        default=16, description="Uploads at once; more wait, and are refused with 503 after `body_idle_seconds`."
    )
    body_idle_seconds: Seconds = Field(
        default=30, description="An upload that brings less than 16 KiB in this time is cut off."
    )


class ExporterSettings(Section):
    """The metrics and health pages, on a thread of their own."""

    enabled: bool = Field(default=True, description="Whether there is an exporter.")
    host: Host = Field(
        default="127.0.0.1",
        description="Address to listen on. Beyond loopback `web_config_file` must authenticate, or `anonymous` be set.",
    )
    anonymous: bool = Field(
        default=False,
        description="Beyond loopback, let everybody read: for networks that keep others out, as a NetworkPolicy does.",
    )
    web_config_file: Path | None = Field(
        default=None,
        description="TLS, client certificates, users: a `web.yml` of Prometheus's exporter-toolkit, without "
        "`curve_preferences` and `rate_limit`. It is followed as it changes; only TLS itself begins with a restart.",
    )
    port: Port = Field(default=9847, description="Port to listen on; 0 takes a free one.")
    dataset_series: Count = Field(
        default=50,
        description="Datasets with series of their own, those that declare a freshness target first; the rest is "
        "counted under `_other`. The freshness of every dataset with a target is exported in any case.",
    )
    stall_seconds: Seconds = Field(default=10, description="`/-/healthy` fails when the main loop hangs for longer.")


class ShutdownSettings(Section):
    """What happens on SIGTERM; a second one ends the drain at once."""

    drain_seconds: SecondsOrZero = Field(
        default=30, description="How long running jobs may go on; then they are given back, their attempt too."
    )


class ResourceSettings(Section):
    """The watch over CPU and memory; the thresholds are exported, so that alerts compare with them."""

    enabled: bool = Field(default=True, description="Whether resources are measured.")
    cpu_threshold: Percent = Field(default=80, description="CPU use in percent above which an alert fires.")
    memory_threshold: Percent = Field(default=85, description="Memory use in percent above which an alert fires.")
    disk_threshold: Percent = Field(
        default=90, description="Use of the spool's disk in percent above which an alert fires."
    )
    check_interval_seconds: Seconds = Field(
        default=60,
        description="Time between two looks at what costs more than reading a file: which processes are those of "
        "`watch`, the database server's connections.",
    )


class LoggingSettings(Section):
    """Log lines, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], ANY_CASE] = Field(
        default="info", description="The least serious lines that are written."
    )
    format: Annotated[Literal["text", "json"], ANY_CASE] = Field(
        default="text", description="Lines for people, or one JSON object a line."
    )


class TaskSettings(Section):
    """A function of the application that may be called over HTTP."""

    call: Target = Field(
        description="`module:function`; the module is found on PYTHONPATH or among the installed packages."
    )
    pool: Literal["cpu", "io"] = Field(
        default="cpu", description="A worker process that is killed at the deadline, or a thread of the daemon."
    )
    timeout_seconds: Seconds | None = Field(
        default=None,
        description="Its deadline.",
        json_schema_extra={"shown": "`executors.task_timeout_seconds`"},
    )


class Settings(Section):
    """Everything that can be set, parsed once. Paths are absolute."""

    environment: Annotated[Literal["development", "production"], ANY_CASE] = Field(
        default="development", description="Decides the automatic sizes of the database pool."
    )
    state_dir: Path = Field(
        default=Path("var"), description="Folder of the spool, the token and, with SQLite, the database."
    )
    datasets: Annotated[tuple[str, ...], ONE_OR_MORE] = Field(
        default=(), description="Files with dataset specifications, or globs of such files."
    )
    watch: Annotated[tuple[WatchedProcess, ...], Field(max_length=10)] = Field(
        default=(), description="Processes of the application that are measured too: a list of the keys below."
    )
    database: DatabaseSettings = DatabaseSettings()
    executors: ExecutorSettings = ExecutorSettings()
    intake: IntakeSettings = IntakeSettings()
    spool: SpoolSettings = SpoolSettings()
    ledger: LedgerSettings = LedgerSettings()
    retention: RetentionSettings = RetentionSettings()
    api: ApiSettings = ApiSettings()
    exporter: ExporterSettings = ExporterSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    resources: ResourceSettings = ResourceSettings()
    logging: LoggingSettings = LoggingSettings()
    tasks: Mapping[TaskName, Annotated[TaskSettings, text_as("call")]] = Field(
        default_factory=dict,
        description="Registered tasks by name: `module:function`, or the keys below.",
        json_schema_extra={"shown": "none"},
    )

    @model_validator(mode="after")
    def _shared_for_the_cluster(self) -> Self:
        if self.executors.engine == "dask" and self.spool.url is None:
            message = "executors.engine dask needs a spool that workers of other machines reach; set spool.url"
            raise PydanticCustomError("cluster", message)
        return self
