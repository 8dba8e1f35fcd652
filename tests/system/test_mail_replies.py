"""The whole loop for who has only mail: a workbook comes in, what became of it is answered, corrections come back."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlsxwriter
from dovecot import USER
from mails import SENDER, mail, mailbox, reply_by
from smtp_sink import smtp_sink

if TYPE_CHECKING:
    from dovecot import Dovecot
    from smtp_sink import SmtpSink

    from .conftest import Headgate

pytestmark = pytest.mark.fault


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with smtp_sink() as listening:
        yield listening


@pytest.fixture
def made(sqlite_headgate: Headgate, dovecot: Dovecot, sink: SmtpSink) -> Headgate:
    """A Headgate whose one way in is the mailbox, and which answers by the sink."""
    configure(sqlite_headgate, dovecot, sink)
    return sqlite_headgate


def configure(made: Headgate, dovecot: Dovecot, sink: SmtpSink, **changes: Any) -> None:
    reply = reply_by(sink, made.folder, **changes)
    made.settings["intake"] = {"mailboxes": [mailbox(dovecot, made.folder, reply=reply, dataset="orders")]}
    made.settings["ledger"]["poll_seconds"] = 0.1
    made.write_config()


def speak(made: Headgate, language: str) -> None:
    spec = made.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + f"language: {language}\n", encoding="utf-8")


def has_mails(sink: SmtpSink, count: int) -> bool:
    return len(sink.messages) >= count


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def workbooks(message: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_content() for part in message.iter_attachments()}


def corrected(content: bytes) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(content))
    for row in book["订单"].iter_rows(min_row=2):
        row[2].value = 7
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("48 rows are loaded, 2 are rejected", "2 rows are loaded")),
        ("de", ("48 Zeilen sind geladen, 2 sind abgelehnt", "2 Zeilen sind geladen")),
        ("zh-CN", ("已加载 48 行，退回 2 行", "已加载 2 行")),
    ],
)
def test_the_whole_loop(
    made: Headgate,
    dovecot: Dovecot,
    sink: SmtpSink,
    orders: Callable[..., Path],
    tmp_path: Path,
    *,
    language: str,
    said: tuple[str, str],
) -> None:
    speak(made, language)
    daemon = made.start_ready()
    first = mail(orders(tmp_path / "订单 May.xlsx", 50, bad=(3, 7)), subject="订单 of May")
    dovecot.deliver(first)
    made.until(partial(has_mails, sink, 1), "the reply is there", process=daemon)
    [reply] = sink.messages
    assert sink.recipients == [SENDER]
    assert (reply["From"], reply["Subject"]) == (USER, "Re: 订单 of May")
    assert reply["In-Reply-To"] == reply["References"] == first["Message-ID"]
    assert (reply["Auto-Submitted"], reply["Content-Language"]) == ("auto-replied", language)
    text = text_of(reply)
    assert said[0] in text
    assert "C5" in text
    assert "many" in text
    [(name, content)] = workbooks(reply).items()
    assert name == "订单 May.rejects.xlsx"

    answer = mail((name.replace(".xlsx", " (1).xlsx"), corrected(content)), subject=str(reply["Subject"]), number=2)
    answer["In-Reply-To"] = reply["Message-ID"]
    answer["References"] = f"{reply['References']} {reply['Message-ID']}"
    dovecot.deliver(answer)
    made.until(partial(has_mails, sink, 2), "the second reply is there", process=daemon)
    assert said[1] in text_of(sink.messages[1])
    assert workbooks(sink.messages[1]) == {}
    jobs = {job["id"]: job for job in made.jobs()}
    assert (jobs[2]["state"], jobs[2]["fixes_job"]) == ("loaded", 1)
    assert made.scalar("SELECT count(*) FROM orders") == "50"
    assert made.stop(daemon) == 0


def answering(reply: EmailMessage, *attached: tuple[str, bytes], number: int) -> EmailMessage:
    answer = mail(*attached, subject=str(reply["Subject"]), number=number)
    answer["In-Reply-To"] = reply["Message-ID"]
    answer["References"] = f"{reply['References']} {reply['Message-ID']}"
    return answer


def test_corrections_are_of_the_file_whose_rows_they_are(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Whatever is alike in the names of a message's files; what came before has the rows of the first file."""
    spec = made.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("mode: upsert", "mode: insert"), encoding="utf-8")
    (tmp_path / "again").mkdir()
    names = ("orders (1).xlsx", "orders (2).xlsx", "again/orders (2).xlsx")
    books = [orders(tmp_path / name, 10, start=10 * at, bad=(3,)) for at, name in enumerate(names)]
    daemon = made.start_ready()
    dovecot.deliver(mail(*books))
    made.until(partial(has_mails, sink, 1), "the reply is there", process=daemon)
    back = [(name, corrected(content)) for name, content in workbooks(sink.messages[0]).items()]
    assert [name for name, _ in back] == [f"orders ({n}.rejects.xlsx" for n in ("1)", "2)-2", "2)-3")]
    dovecot.deliver(mail(("other.xlsx", books[0].read_bytes()), subject="again", number=2))
    made.until(partial(has_mails, sink, 2), "the second reply is there", process=daemon)
    assert "came before as job 1" in text_of(sink.messages[1])
    [(name, _)] = workbooks(sink.messages[1]).items()
    dovecot.deliver(answering(sink.messages[1], (name, back[0][1]), number=3))
    dovecot.deliver(answering(sink.messages[0], back[2], back[1], number=4))
    made.until(partial(has_mails, sink, 4), "the corrections are answered", process=daemon)
    assert {job["id"]: job["fixes_job"] for job in made.jobs()} == {
        1: None,
        2: None,
        3: None,
        4: None,
        5: 1,
        6: 3,
        7: 2,
    }
    assert made.scalar("SELECT count(*) FROM orders") == "30"
    assert made.stop(daemon) == 0


def test_a_new_file_in_an_answer_is_no_correction_of_one_with_a_like_name(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    daemon = made.start_ready()
    dovecot.deliver(mail(orders(tmp_path / "orders (May).xlsx", 10, bad=(3,))))
    made.until(partial(has_mails, sink, 1), "the reply is there", process=daemon)
    june = orders(tmp_path / "orders (June).xlsx", 20, start=10)
    dovecot.deliver(answering(sink.messages[0], (june.name, june.read_bytes()), number=2))
    made.until(partial(has_mails, sink, 2), "the second reply is there", process=daemon)
    assert {job["file"]: job["fixes_job"] for job in made.jobs()} == dict.fromkeys(("orders (May).xlsx", june.name))
    assert made.stop(daemon) == 0


def test_of_a_rejected_file_the_whole_is_wanted(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """The attached workbook lacks the good rows, of which none is loaded."""
    spec = made.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("max_rows: 10", "max_rows: 1"), encoding="utf-8")
    daemon = made.start_ready()
    dovecot.deliver(mail(orders(tmp_path / "orders.xlsx", 50, bad=(3, 7))))
    made.until(partial(has_mails, sink, 1), "the reply is there", process=daemon)
    text = text_of(sink.messages[0])
    assert workbooks(sink.messages[0]).keys() == {"orders.rejects.xlsx"}
    assert "correct the whole file, and send that" in text.replace("\n", " ")
    assert "only these rows are loaded then" not in text
    assert made.stop(daemon) == 0


def test_who_is_answered_and_who_is_not(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Programs' attachments are taken, and strangers' not; neither is answered, nor is what comes from the mailbox."""
    made.add_without_key()
    book = orders(tmp_path / "orders.xlsx", 5)
    dovecot.deliver(mail(book, subject="by a program", headers={"Auto-Submitted": "auto-generated"}))
    dovecot.deliver(mail(book, subject="stranger", sender="eve@evil.example"))
    dovecot.deliver(mail(book, subject="circle", sender=USER))
    dovecot.deliver(mail(subject="nothing attached"))
    dovecot.deliver(mail(("all.7z", b"7z"), ("broken.xlsx", b"no workbook"), book, subject="some of each"))
    daemon = made.start_ready()
    made.until(partial(has_mails, sink, 2), "both are answered", process=daemon)
    made.until(lambda: not dovecot.subjects(), "all are put away", process=daemon)
    texts = {str(message["Subject"]): text_of(message) for message in sink.messages}
    assert texts.keys() == {"Re: nothing attached", "Re: some of each"}
    assert "no workbook is attached" in texts["Re: nothing attached"]
    assert "all.7z: the attachment is an archive" in texts["Re: some of each"]
    assert "broken.xlsx: rejected" in texts["Re: some of each"]
    assert "orders.xlsx: the same content came before as job 1" in texts["Re: some of each"]
    assert set(sink.recipients) == {SENDER}
    assert made.stop(daemon) == 0


def test_what_nobody_can_open_is_told_with_how_to_send_it(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Beside it tables without a name, names in the encoding of their sender's system, and more parts than are read."""
    book = orders(tmp_path / "orders.xlsx", 5).read_bytes()
    dovecot.deliver(mail(("winmail.dat", b"\x78\x9f\x3e\x22"), subject="packed"))
    wrapped = mail(subject="wrapped", number=2)
    wrapped.set_content(b"0\x82", maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    dovecot.deliver(wrapped)
    nameless = mail(subject="nameless", number=3)
    nameless.add_attachment(book, maintype="application", subtype="vnd.ms-excel", disposition="inline")
    dovecot.deliver(nameless)
    named = mail(("X.xlsx", orders(tmp_path / "more.xlsx", 6, start=5).read_bytes()), subject="named", number=4)
    dovecot.deliver(named.as_bytes().replace(b"X.xlsx", "五月订单.xlsx".encode("gbk")))
    many = mail(*((f"{number}.7z", b"7z") for number in range(101)), subject="many", number=5)
    dovecot.deliver(many)
    daemon = made.start_ready()
    made.until(partial(has_mails, sink, 5), "all are answered", process=daemon)
    texts = {str(message["Subject"]).removeprefix("Re: "): text_of(message) for message in sink.messages}
    assert "as HTML or plain text instead of rich text" in texts["packed"].replace("\r\n", " ")
    assert "encrypted, or wrapped into its signature" in texts["wrapped"].replace("\r\n", " ")
    assert "attachment: 5 rows are loaded" in texts["nameless"]
    assert "五月订单.xlsx: 6 rows are loaded" in texts["named"]
    assert "more than 100 parts" in texts["many"]
    assert "99.7z" not in texts["many"]
    assert made.stop(daemon) == 0


def test_a_server_that_asks_to_come_again_and_one_that_refuses_for_good(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    sink.answer = "451 come again"
    dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5), subject="first"))
    daemon = made.start_ready()
    made.until(lambda: sink.tries >= 2, "it was tried twice", process=daemon)
    made.tells("reply not sent")
    assert made.stop(daemon) == 0
    sink.answer = "250 kept"
    daemon = made.start_ready()
    made.until(partial(has_mails, sink, 1), "it is sent by the next daemon", process=daemon)
    sink.recipient_answer = "550 nobody of that name"
    dovecot.deliver(mail(orders(tmp_path / "orders-2.xlsx", 6, start=5), subject="second"))
    made.tells("outcome=refused")
    sink.recipient_answer = "250 known"
    dovecot.deliver(mail(orders(tmp_path / "orders-3.xlsx", 7, start=11), subject="third"))
    made.until(partial(has_mails, sink, 2), "the third is answered", process=daemon)
    assert [str(message["Subject"]) for message in sink.messages] == ["Re: first", "Re: third"]
    assert made.stop(daemon) == 0


def test_a_reply_is_given_up_in_time_and_a_wrong_password_is_waited_out(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    configure(made, dovecot, sink, give_up_seconds=1)
    (made.folder / "smtp.password").write_text("not this one")
    dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5)))
    daemon = made.start_ready()
    made.tells("outcome=given_up")
    (made.folder / "smtp.password").write_text("for the mail server")
    dovecot.deliver(mail(orders(tmp_path / "orders-2.xlsx", 6, start=5), subject="second"))
    made.until(partial(has_mails, sink, 1), "the next one is answered", process=daemon)
    assert made.stop(daemon) == 0


def test_a_reply_that_is_owed_survives_a_kill_and_keeps_its_file(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """Rejected rows are let go at once otherwise; here they wait until the mail server is there again."""
    made.settings["ledger"] |= {"rejects_seconds": 1, "beat_seconds": 0.5}
    made.write_config()
    sink.answer = "451 come again"
    dovecot.deliver(mail(orders(tmp_path / "orders.xlsx", 50, bad=(3,))))
    daemon = made.start_ready()
    made.until(lambda: sink.tries >= 2, "it was tried", process=daemon)
    made.kill(daemon)
    sink.answer = "250 kept"
    daemon = made.start_ready()
    made.until(partial(has_mails, sink, 1), "the reply is there", process=daemon)
    assert list(workbooks(sink.messages[0])) == ["orders.rejects.xlsx"]
    spool = made.folder / "var" / "spool"
    made.until(lambda: not list(spool.glob("*/jobs/*")), "the file has gone", process=daemon)
    assert made.stop(daemon) == 0


def test_a_workbook_that_is_too_large_for_a_mail_is_named(
    made: Headgate, dovecot: Dovecot, sink: SmtpSink, orders: Callable[..., Path], tmp_path: Path
) -> None:
    """And two attachments of one name come back under two."""
    spec = made.folder / "datasets" / "orders.yml"
    text = spec.read_text(encoding="utf-8").replace(
        "max_rows: 10, max_percent: 50", "max_rows: 90000, max_percent: 100"
    )
    spec.write_text(text, encoding="utf-8")
    configure(made, dovecot, sink, attach_mb=1)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    small = [orders(tmp_path / name / "orders.xlsx", 20, start=at, bad=(3,)) for name, at in (("a", 0), ("b", 20))]
    dovecot.deliver(mail(*small, subject="small"))
    large = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(large) as book:
        sheet = book.add_worksheet("订单")
        sheet.write_row(0, 0, ["订单号", "买家", "数量", "单价"])
        for row in range(1000):  # names that no compression makes small
            sheet.write_row(row + 1, 0, [f"{10**17 + 40 + row}", secrets.token_hex(2000), "many" if row else 1, 9.99])
    dovecot.deliver(mail(large, subject="large", number=2))
    daemon = made.start_ready()
    made.until(partial(has_mails, sink, 2), "both are answered", process=daemon)
    messages = {str(message["Subject"]): message for message in sink.messages}
    assert list(workbooks(messages["Re: small"])) == [f"orders-{job}.rejects.xlsx" for job in (1, 2)]
    assert workbooks(messages["Re: large"]) == {}
    assert "too large for a mail" in text_of(messages["Re: large"])
    assert "more errors" in text_of(messages["Re: large"])
    assert made.stop(daemon) == 0
