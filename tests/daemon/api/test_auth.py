"""Token files, roles, and the limit on wrong tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from daemon.api.auth import FAILURES_MAX, FAILURES_SECONDS, Authenticator, Principal, first_token, load_tokens
from daemon.api.problems import ProblemError
from daemon.errors import StartupError

SHOP = "shop-token-0123456789"
HASHED = "office-token-0123456789"
FILE = f"""
# who may what

shop submit {SHOP}
office submit,read sha256:{hashlib.sha256(HASHED.encode()).hexdigest()}
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.touch(mode=0o600)
    path.write_text(FILE)
    return path


def test_a_missing_file_is_made_for_the_administrator(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tokens"
    (token,) = load_tokens(path)
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.read_text().strip()
    assert len(written) >= 40
    assert token.principal == Principal(name="admin", roles=frozenset({"admin"}))
    assert first_token(path.read_text()) == written
    assert load_tokens(path) == (token,)
    assert written not in repr(token)


def test_roles(file: Path) -> None:
    door = Authenticator(load_tokens(file))
    shop, office = door.token_principal(SHOP, "a"), door.token_principal(HASHED, "a")
    assert shop is not None
    assert office is not None
    assert (shop.may("submit"), shop.may("read"), shop.may("admin"), shop.owner) == (True, False, False, "shop")
    assert (office.may("submit"), office.may("read"), office.may("admin"), office.owner) == (True, True, False, None)
    admin = Principal(name="boss", roles=frozenset({"admin"}))
    assert (admin.may("submit"), admin.may("read"), admin.may("admin"), admin.owner) == (True, True, True, None)
    assert first_token(file.read_text()) == SHOP
    assert first_token(FILE.splitlines()[-1]) is None, "of a hash nobody can make the token"


def test_a_hash_is_no_token(file: Path) -> None:
    door = Authenticator(load_tokens(file))
    digest = hashlib.sha256(HASHED.encode()).hexdigest()
    for given in (digest, f"sha256:{digest}", "", "shop", SHOP[:-1], SHOP + "0", SHOP.upper(), "\udcff"):
        assert door.token_principal(given, "a") is None


def test_wrong_tokens_are_limited_by_address_and_time(file: Path) -> None:
    clock = Clock()
    door = Authenticator(load_tokens(file), clock=clock)
    for _ in range(FAILURES_MAX):
        assert door.token_principal("wrong", "here") is None
    with pytest.raises(ProblemError) as caught:
        door.token_principal("wrong", "here")
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "60")
    assert door.token_principal("wrong", "elsewhere") is None
    assert door.token_principal(SHOP, "here") is not None, "others at this address are not locked out"
    clock.now += FAILURES_SECONDS / 2
    with pytest.raises(ProblemError) as caught:
        door.token_principal("wrong", "here")
    assert caught.value.headers["Retry-After"] == "30"
    clock.now += FAILURES_SECONDS / 2 + 1
    assert door.token_principal("wrong", "here") is None


def test_other_tokens_are_in_force_at_once(file: Path) -> None:
    door = Authenticator(load_tokens(file))
    shop = door.token_principal(SHOP, "a")
    assert shop is not None
    assert door.knows(shop)
    file.write_text("shop read another-token-0123456789\n")
    door.use_tokens(load_tokens(file))
    assert door.token_principal(SHOP, "a") is None
    assert not door.knows(shop)


def test_errors_repeat_no_token(file: Path) -> None:
    file.write_text(f"one two {SHOP} four\n")
    with pytest.raises(StartupError) as caught:
        load_tokens(file)
    assert SHOP not in str(caught.value)
    file.write_bytes(b"\xff\xfe" + SHOP.encode())
    with pytest.raises(StartupError) as caught:
        load_tokens(file)
    assert SHOP not in str(caught.value)
    assert caught.value.__cause__ is None
