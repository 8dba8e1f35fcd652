"""docs/configuration.md says what the settings are."""

from pathlib import Path

from daemon.config.layers import OLD_NAMES, leaves, variable_of
from daemon.config.page import render

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_page_is_in_step_with_the_settings() -> None:
    remedy = "run: python -m daemon.config.page > docs/configuration.md"
    assert PAGE.read_text(encoding="utf-8") == render(), remedy


def test_page_has_every_variable() -> None:
    page = render()
    names = [variable_of(location) for location, _ in leaves()] + list(OLD_NAMES)
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_setting_says_what_it_means() -> None:
    assert [location for location, info in leaves() if not info.description] == []
