"""Attachments come in from a real IMAP server, each once, whatever happens, and messages go where they belong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dovecot import running_dovecot
from mails import mail, mailbox
from silent_proxy import threaded_proxy
from zips import zipped

if TYPE_CHECKING:
    from dovecot import Dovecot

    from .conftest import Headgate

TAKEN, REFUSED = "Headgate-Taken", "Headgate-Refused"
pytestmark = pytest.mark.fault


def configure(made: Headgate, server: Dovecot, **changes: Any) -> None:
    made.settings["intake"] = {"mailboxes": [mailbox(server, made.folder, **changes)]}
    made.write_config()


def has_jobs(made: Headgate, count: int) -> bool:
    return len(made.jobs()) >= count


def test_attachments_become_jobs_and_messages_go_where_they_belong(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Workbooks under names in any language, beside texts and pictures; strangers and programs' bounces not."""
    made = sqlite_headgate
    configure(
        made,
        dovecot,
        rules=[{"subject": "*orders*", "dataset": "orders"}, {"folder": "Orders", "dataset": "orders"}],
        max_attachment_mb=1,
    )
    first, second = orders(tmp_path / "订单 五月.xlsx", 20), orders(tmp_path / "june.xlsx", 30, start=20)
    both = mail(first, second, subject="The ORDERS of May", number=1)
    both.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="logo.png")
    dovecot.deliver(both)
    dovecot.deliver(mail(orders(tmp_path / "july.xlsx", 5, start=50), subject="hello", number=2), "Orders")
    inside = orders(tmp_path / "august.xlsx", 7, start=60).read_bytes()
    dovecot.deliver(mail(("all.zip", zipped(**{"in/august.xlsx": inside})), subject="orders in a zip", number=3))
    dovecot.deliver(mail(first, subject="stranger", sender="eve@evil.example"))
    dovecot.deliver(mail(subject="nothing attached"))
    dovecot.deliver(mail(("all.7z", b"7z"), ("large.xlsx", b"x" * (3 << 19)), subject="orders refused"))
    dovecot.deliver(mail(("table.csv", b"a;b\n1;2\n"), subject="no dataset"))
    daemon = made.start_ready()
    made.until(lambda: dovecot.subjects() == [] == dovecot.subjects("Orders"), "all are put away", process=daemon)
    made.until(lambda: made.all_finished(5), "the jobs have ended", process=daemon)
    jobs = {job["file"]: job for job in made.jobs()}
    assert {name: (job["state"], job["dataset"]) for name, job in jobs.items()} == {
        "订单 五月.xlsx": ("loaded", "orders"),
        "june.xlsx": ("loaded", "orders"),
        "july.xlsx": ("loaded", "orders"),
        "all.zip/in/august.xlsx": ("loaded", "orders"),
        "table.csv": ("rejected", "_unmatched"),
    }
    assert {(job["source"], job["submitter"]) for job in jobs.values()} == {("mail", "loads/ming@example.com")}
    assert made.scalar("SELECT count(*) FROM orders") == "62"
    assert sorted(dovecot.subjects(TAKEN)) == ["The ORDERS of May", "hello", "no dataset", "orders in a zip"]
    assert sorted(dovecot.subjects(REFUSED)) == ["nothing attached", "orders refused", "stranger"]
    assert made.stop(daemon) == 0


def test_a_sender_in_letters_of_the_world_is_one_like_any_other(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """As programs with SMTPUTF8 write it, and those that know no better. It ended the daemon, at each start anew."""
    made = sqlite_headgate
    configure(made, dovecot)
    raw = mail(orders(tmp_path / "orders.xlsx", 20)).as_bytes()
    dovecot.deliver(raw.replace(b"From: Ming <ming@", "From: 李明 <李明@".encode()))
    daemon = made.start_ready()
    made.until(lambda: made.all_loaded(1), "it is loaded", process=daemon)
    assert [job["submitter"] for job in made.jobs()] == ["loads/李明@example.com"]
    assert made.stop(daemon) == 0


def test_tls_with_an_authority_of_ones_own_and_only_authentic_senders(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    made = sqlite_headgate
    configure(
        made,
        dovecot,
        tls="tls",
        host="localhost",
        port=dovecot.tls_port,
        ca_file=str(dovecot.authority),
        require_authentication="mx.example.com",
    )
    good = {"Authentication-Results": "mx.example.com; dmarc=pass header.from=example.com"}
    forged = {"Authentication-Results": "mx.evil.example; dmarc=pass header.from=example.com"}
    dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5), subject="good", headers=good))
    dovecot.deliver(mail(orders(tmp_path / "orders-2.xlsx", 6, start=5), subject="forged", headers=forged))
    daemon = made.start_ready()
    made.until(lambda: dovecot.subjects() == [], "both are put away", process=daemon)
    assert (dovecot.subjects(TAKEN), dovecot.subjects(REFUSED)) == (["good"], ["forged"])
    made.until(lambda: made.all_loaded(1), "the job has ended", process=daemon)
    assert made.stop(daemon) == 0


def test_a_connection_that_is_cut_in_the_middle_costs_nothing(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Cut again and again while large attachments come; in the end each is loaded once."""
    made = sqlite_headgate
    made.add_without_key()
    with threaded_proxy(dovecot.port) as proxy:
        configure(made, dovecot, port=proxy.port)
        books = [orders(tmp_path / f"orders-{number}.xlsx", 20_000, start=number * 20_000) for number in range(3)]
        dovecot.deliver(mail(*books))
        daemon = made.start_ready()
        for count in (1, 2):
            made.until(partial(has_jobs, made, count), "an attachment is there", process=daemon)
            proxy.lead_to(dovecot.port)
        made.until(lambda: dovecot.subjects(TAKEN) == ["orders"], "it is taken", process=daemon)
        made.until(lambda: made.all_loaded(3), "all are loaded", process=daemon)
        assert len(made.jobs()) == 3
        assert made.scalar("SELECT count(*) FROM orders") == "60000"
        assert made.stop(daemon) == 0


def test_a_killed_daemon_takes_no_message_twice(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Killed between its attachments' entry and the move, the next one goes on from there."""
    made = sqlite_headgate
    made.add_without_key()
    configure(made, dovecot)
    made.settings["intake"]["mailboxes"][0]["dataset"] = "orders"
    made.write_config()
    for number in range(4):
        book = orders(tmp_path / f"part-{number}.xlsx", 2000, start=number * 2000)
        dovecot.deliver(mail(book, subject=f"part {number}"))
    for count in range(1, 4):
        daemon = made.start_ready()
        made.until(partial(has_jobs, made, count), "one more is taken", process=daemon)
        made.kill(daemon)
    daemon = made.start_ready()
    made.until(lambda: len(dovecot.subjects(TAKEN)) == 4, "all are put away", process=daemon)
    made.until(lambda: made.all_finished(4), "all jobs have ended", process=daemon)
    assert made.scalar("SELECT count(*) FROM orders") == "8000"
    assert made.stop(daemon) == 0


def test_a_wrong_password_is_told_and_a_new_one_is_taken_without_a_restart(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    made = sqlite_headgate
    configure(made, dovecot)
    dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5)))
    dovecot.set_password("another one")
    daemon = made.start_ready()
    made.tells("mailbox not read")
    assert "kind=login" in made.log.read_text()
    secret = Path(made.settings["intake"]["mailboxes"][0]["password_file"])
    secret.write_text("another one")
    made.until(lambda: made.all_loaded(1), "it is loaded", process=daemon)
    made.tells("mailbox read again")
    assert made.stop(daemon) == 0


def test_a_folder_that_was_numbered_anew_brings_nothing_twice(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """A message is put back into a folder that was deleted and made again: it is known by its Message-ID."""
    made = sqlite_headgate
    made.add_without_key()
    configure(made, dovecot, folder="Orders")
    message = mail(orders(tmp_path / "orders-1.xlsx", 5))
    dovecot.deliver(message, "Orders")
    daemon = made.start_ready()
    made.until(lambda: made.all_loaded(1), "it is loaded", process=daemon)
    made.until(lambda: dovecot.subjects(TAKEN) == ["orders"], "it is put away", process=daemon)
    with dovecot.client() as client:
        client.delete("Orders")
    dovecot.deliver(message, "Orders")
    made.until(lambda: dovecot.subjects(TAKEN) == ["orders", "orders"], "it is put away again", process=daemon)
    assert len(made.jobs()) == 1
    assert made.stop(daemon) == 0


def test_a_server_without_move_and_a_folder_that_cannot_be_made(
    sqlite_headgate: Headgate, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Copied and marked as deleted instead; where the folder cannot be made that is told, and others go on."""
    made = sqlite_headgate
    made.add_without_key()
    with running_dovecot("IMAP4rev1 LITERAL+ UIDPLUS") as server:
        configure(made, server, rejected_to="Bad.")
        server.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5), subject="good"))
        server.deliver(mail(subject="nothing attached"))
        daemon = made.start_ready()
        made.until(lambda: server.subjects(TAKEN) == ["good"], "it is put away", process=daemon)
        made.until(lambda: made.all_loaded(1), "it is loaded", process=daemon)
        made.tells("the server refuses")
        assert server.subjects() == ["nothing attached"]
        server.deliver(mail(orders(tmp_path / "orders-2.xlsx", 5, start=5), subject="second"))
        made.until(lambda: made.all_loaded(2), "others are taken none the less", process=daemon)
        assert made.stop(daemon) == 0


def test_two_daemons_share_a_mailbox(
    tmp_path: Path,
    postgres_database: str,
    headgate_at: Callable[[Path, str], Headgate],
    dovecot: Dovecot,
    orders: Callable[..., Path],
) -> None:
    pair = [headgate_at(tmp_path / name, postgres_database) for name in ("one", "two")]
    for made in pair:
        made.add_without_key()
        configure(made, dovecot)
    processes = [made.start_ready() for made in pair]
    for number in range(12):
        dovecot.deliver(mail(orders(tmp_path / f"orders-{number}.xlsx", 50, start=number * 50), number=number))
    pair[0].until(lambda: pair[0].all_finished(12), "every job has ended")
    pair[0].until(lambda: len(dovecot.subjects(TAKEN)) == 12, "every message is put away")
    assert {job["state"] for job in pair[0].jobs()} == {"loaded"}
    assert pair[0].scalar("SELECT count(*) FROM orders") == "600"
    assert [made.stop(process) for made, process in zip(pair, processes, strict=True)] == [0, 0]


def test_a_message_that_is_deleted_meanwhile_is_passed_over(
    sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Somebody tidies the mailbox all the time; the daemon lives, and what stays is loaded."""
    made = sqlite_headgate
    configure(made, dovecot)
    daemon = made.start_ready()
    stop = threading.Event()

    def tidy() -> None:
        while not stop.is_set():
            with dovecot.client() as client:
                client.select("INBOX")
                for uid in client.uid("SEARCH", "SUBJECT", "gone")[1][0].split():
                    client.uid("STORE", uid.decode(), "+FLAGS", "(\\Deleted)")
                client.expunge()

    thread = threading.Thread(target=tidy)
    thread.start()
    try:
        for number in range(10):
            dovecot.deliver(mail(("orders.xlsx", b"x" * 400_000), subject="gone", number=number))
        dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5), subject="stays"))
        made.until(lambda: "stays" in dovecot.subjects(TAKEN), "it is put away", process=daemon)
    finally:
        stop.set()
        thread.join(20)
    made.until(lambda: made.all_finished(1), "it is loaded", process=daemon)
    assert made.scalar("SELECT count(*) FROM orders") == "5"
    assert made.stop(daemon) == 0
