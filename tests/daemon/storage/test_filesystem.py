"""Storage of each kind against a server of it: listed, read, written, moved, removed, and what goes wrong."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import psutil
import pytest
from silent_proxy import threaded_proxy
from smbprotocol.transport import Tcp
from storage_servers import OPEN_SESAME, PLACES, Place, credentials, large_listing, through

from daemon.errors import (
    StorageChangedError,
    StorageError,
    StorageExtraMissingError,
    StorageNotFoundError,
    StorageRefusedError,
    StorageSettingsError,
    StorageUnreachableError,
)
from daemon.storage import filesystem
from daemon.storage.filesystem import Storage
from daemon.storage.store import PAGE

TIMEOUT_SECONDS = 8.0


def storage_at(place: Place) -> Storage:
    return Storage.at(place.url, place.options, place.credentials_file, timeout_seconds=TIMEOUT_SECONDS)


def listed(storage: Storage, *, recursive: bool = True, skip: str | None = None) -> dict[str, int]:
    pages = list(storage.pages(recursive=recursive, skip=skip))
    assert all(len(page) <= PAGE for page in pages)
    return {one.path: one.size_bytes for page in pages for one in page}


def test_files_are_listed_and_are_the_same_when_looked_at_one_by_one(place: Place) -> None:
    place.put("a.xlsx", b"one")
    # No file of a Windows share has * or ? in its name.
    odd = "deep #1 ü%20/er/b [1].xlsx" if place.url.startswith("smb:") else "deep #1 ü%20/er/b [1]*?.xlsx"
    place.put(odd, b"two, longer")
    place.put("done/c.xlsx", b"three")
    place.put("订单 #5 100%.xlsx", b"")
    storage = storage_at(place)
    assert listed(storage) == {
        "a.xlsx": 3,
        odd: 11,
        "done/c.xlsx": 5,
        "订单 #5 100%.xlsx": 0,
    }
    assert {*listed(storage, recursive=False)} == {"a.xlsx", "订单 #5 100%.xlsx"}
    assert "done/c.xlsx" not in listed(storage, skip="done")
    for page in storage.pages():
        for one in page:
            assert storage.stat(one.path) == one
            out = io.BytesIO()
            storage.read_into(one, out)
            assert len(out.getvalue()) == one.size_bytes
    assert storage.stat("not there.xlsx") is None
    assert not storage.exists("deep #1 ü%20")


def test_a_large_file_is_read_in_blocks(place: Place) -> None:
    content = b"".join(bytes([number % 251]) * 1000 for number in range(9_500))
    place.put("large.xlsx", content)
    storage = storage_at(place)
    large = storage.stat("large.xlsx")
    assert large is not None
    blocks = list(storage.blocks(large))
    assert b"".join(blocks) == content
    assert len(blocks) >= 3
    assert max(map(len, blocks)) <= filesystem.BLOCK_BYTES


def test_a_file_is_written_read_back_moved_and_removed(place: Place, tmp_path: Path) -> None:
    local = tmp_path / "local.bin"
    local.write_bytes(b"content" * 1000)
    storage = storage_at(place)
    written = storage.write(local, "sub/new.bin")
    assert written.sha256 == hashlib.sha256(local.read_bytes()).hexdigest()
    assert written.size_bytes == 7000
    archive = Storage.at(f"{place.url}/archive", place.options, place.credentials_file, timeout_seconds=5)
    storage.move("sub/new.bin", archive, "old/moved.bin")
    assert place.names() == {"archive/old/moved.bin"}
    archive.delete("old/moved.bin")
    archive.delete("old/moved.bin")
    assert place.names() == set()


def test_what_was_replaced_is_another_also_while_it_is_read(place: Place) -> None:
    place.put("a.xlsx", b"1" * 9_000_000)
    storage = storage_at(place)
    before = storage.stat("a.xlsx")
    assert before is not None
    blocks = storage.blocks(before)
    next(blocks)
    place.put("a.xlsx", b"2" * 8_999_999)
    with pytest.raises(StorageChangedError):
        list(blocks)
    with pytest.raises(StorageChangedError):
        next(storage.blocks(before))
    after = storage.stat("a.xlsx")
    assert after is not None
    assert after.version != before.version


def test_a_bucket_or_folder_that_is_not_there(place: Place) -> None:
    url = "s3://nothing/here" if place.s3 else f"{place.url}/nothing"
    storage = storage_at(replace(place, url=url))
    with pytest.raises(StorageNotFoundError, match="correct the URL"):
        list(storage.pages())


@pytest.mark.parametrize("place", ["sftp", "webdav", "smb"], indirect=True)
def test_wrong_credentials(place: Place, tmp_path: Path) -> None:
    assert listed(storage_at(place)) == {}, "another's connection lets nobody in"
    wrong = credentials(tmp_path, "wrong", username="shop", password="is not this")  # noqa: S106
    storage = storage_at(replace(place, credentials_file=wrong))
    with pytest.raises(StorageRefusedError, match="correct the credentials") as caught:
        list(storage.pages())
    assert "is not this" not in str(caught.value)


def test_an_unknown_host_key_is_refused(tmp_path: Path) -> None:
    with PLACES["sftp"](tmp_path) as place:
        Path(place.options["known_hosts_file"]).write_text("")
        with pytest.raises(StorageRefusedError, match=r"(?i)host key"):
            list(storage_at(place).pages())


@pytest.mark.slow
@pytest.mark.parametrize("place", ["webdav"], indirect=True)
def test_a_file_of_unknown_size_is_not_taken_for_an_empty_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be removed, with `after: delete`."""
    place.put("in/a.csv", b"sku\nA\n")
    # As if the server did not tell it.
    monkeypatch.setitem(import_module("webdav4.multistatus").MAPPING_PROPS, "content_length", "no-such-property")
    with pytest.raises(StorageError, match=r"does not tell the size of .*in/a\.csv"):
        listed(storage_at(place))


@pytest.mark.parametrize("place", ["s3", "sftp", "webdav", "smb"], indirect=True)
def test_an_outage_passes(place: Place) -> None:
    """The same storage answers again when its server does."""
    with threaded_proxy(place.port) as proxy:
        place.put("a.xlsx", b"one")
        storage = storage_at(through(place, proxy.port))
        assert listed(storage) == {"a.xlsx": 3}
        proxy.lead_to(1)
        with pytest.raises(StorageUnreachableError, match="cannot be reached"):
            list(storage.pages())
        proxy.lead_to(place.port)
        assert listed(storage) == {"a.xlsx": 3}
        proxy.silence(new_ones_too=True)
        with pytest.raises(StorageUnreachableError):
            list(storage.pages())


@pytest.mark.parametrize("place", ["smb"], indirect=True)
def test_a_connection_that_is_closed_just_before_a_call_sends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's receiving thread closes what the server has closed, at any moment of a call."""
    place.put("a.xlsx", b"one")
    storage = storage_at(place)
    assert listed(storage) == {"a.xlsx": 3}
    send = Tcp.send

    def close_first(connection: Tcp, header: bytes) -> None:
        connection.close()
        send(connection, header)

    with monkeypatch.context() as patched:
        patched.setattr(Tcp, "send", close_first)
        with pytest.raises(StorageUnreachableError, match="cannot be reached"):
            list(storage.pages())
    assert listed(storage) == {"a.xlsx": 3}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["s3", "smb"], indirect=True)
def test_a_connection_cut_in_the_middle_of_a_file(place: Place) -> None:
    place.put("a.xlsx", b"1" * 9_000_000)
    with threaded_proxy(place.port) as proxy:
        storage = storage_at(through(place, proxy.port))
        found = storage.stat("a.xlsx")
        assert found is not None
        blocks = storage.blocks(found)
        next(blocks)
        proxy.lead_to(1)
        with pytest.raises(StorageUnreachableError):
            list(blocks)
        proxy.lead_to(place.port)
        assert sum(map(len, storage.blocks(found))) == 9_000_000


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("orders", "begins with no kind of storage"),
        ("ftp://host/folder", "begins with no kind of storage"),
        ("sftp://me:secret@host/folder", "credentials in the URL; write them into a file"),
        ("s3:///folder", "names no place"),
        ("file://folder/x", "names no place"),
        ("sftp:///folder", "names no place"),
        ("webdav://host:99999/x", "port"),
        ("s3://bucket/x?y", "write these as %3F"),
    ],
)
def test_urls_that_name_no_place(url: str, words: str) -> None:
    with pytest.raises(StorageSettingsError, match=words) as caught:
        Storage.at(url, {}, None, timeout_seconds=1)
    assert "secret@" not in str(caught.value)


def test_options_and_credentials_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(StorageSettingsError, match="regoin is no key of s3 storage; it knows ca_file, endpoint_url"):
        Storage.at("s3://bucket", {"regoin": "x"}, None, timeout_seconds=1)
    with pytest.raises(StorageSettingsError, match="key is no key of s3"):
        Storage.at("s3://bucket", {}, credentials(tmp_path, key="x"), timeout_seconds=1)
    file = tmp_path / "open"
    file.write_text("username: me")
    with pytest.raises(StorageSettingsError, match="chmod 600"):
        Storage.at("sftp://host/x", {}, file, timeout_seconds=1)
    file.chmod(0o600)
    for text, words in (("just a text", "holds no credentials"), ("a: [", "is no YAML"), ("password: 0123", "quotes")):
        file.write_text(text)
        with pytest.raises(StorageSettingsError, match=words):
            Storage.at("sftp://host/x", {}, file, timeout_seconds=1)


def test_a_missing_extra_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(StorageExtraMissingError, match=r"pip install 'headgate\[s3\]'"):
        list(Storage.at("s3://bucket", {}, None, timeout_seconds=1).pages())


def test_no_secret_is_in_a_message(tmp_path: Path) -> None:
    """Not even where a server says it back."""
    with PLACES["webdav"](tmp_path) as place:
        storage = storage_at(replace(place, url=f"{place.url}/{OPEN_SESAME.replace(' ', '%20')}"))
        with pytest.raises(StorageError) as caught:
            list(storage.pages())
        assert OPEN_SESAME not in str(caught.value)
        assert caught.value.__cause__ is None


def test_files_are_moved_inside_of_one_storage_only(tmp_path: Path) -> None:
    here = Storage.at(tmp_path.as_uri(), {}, None, timeout_seconds=1)
    there = Storage.at("sftp://host/x", {}, None, timeout_seconds=1)
    with pytest.raises(StorageSettingsError, match="inside of one only"):
        here.move("a", there, "a")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "folder").symlink_to(tmp_path)
    assert listed(Storage.at((tmp_path / "in").as_uri(), {}, None, timeout_seconds=1)) == {}


@pytest.mark.slow
def test_a_hundred_thousand_objects_are_listed_in_little_memory(tmp_path: Path) -> None:
    """What is held is a page, not the listing."""
    process, count = psutil.Process(), 100_000
    with large_listing(tmp_path, count) as place:
        seen = highest = first = 0
        for page in storage_at(place).pages():
            seen += len(page)
            highest = max(highest, process.memory_info().rss)
            if seen == 5 * PAGE:  # the library is there, and some pages
                first = highest
    assert seen == count
    assert highest - first < 24 << 20
