"""Each file of bad_configs must give exactly the messages of its `.expected` file; each of good_configs none."""

from pathlib import Path

import pytest

from daemon.config.check import check

BAD = Path(__file__).parent / "bad_configs"
GOOD = Path(__file__).parent / "good_configs"


def environment_of(case: Path) -> dict[str, str]:
    file = case.with_suffix(".env")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines)


def messages(case: Path) -> list[str]:
    result = check(Path(case.name), environment_of(case))
    return [str(problem).replace(f"{case.parent}/", "") for problem in result.problems]


@pytest.mark.parametrize("case", sorted(BAD.glob("*.yml")), ids=lambda case: case.stem)
def test_bad_configuration_is_refused_in_these_words(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    expected = case.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    assert messages(case) == expected


@pytest.mark.parametrize("case", sorted(GOOD.glob("*.yml")), ids=lambda case: case.stem)
def test_good_configuration_has_no_problem(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    assert messages(case) == []


def test_every_expectation_has_its_case() -> None:
    assert {file.stem for file in BAD.glob("*.expected")} == {file.stem for file in BAD.glob("*.yml")}


@pytest.mark.parametrize("case", sorted(BAD.glob("*.yml")), ids=lambda case: case.stem)
def test_no_message_repeats_a_password(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    assert not [message for message in messages(case) if "hunter" in message or "tiger" in message]
