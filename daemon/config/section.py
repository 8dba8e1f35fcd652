"""What every part of the settings has in common; knows none of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError

from .path_status import is_possible


class Section(BaseModel):
    """A part of the settings: frozen, with no keys but the declared ones, and silent about its values in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _is_possible(cls, value: object) -> object:
        """Refuse a path that every call of the system would raise an error of its own for."""
        if isinstance(value, Path) and not is_possible(str(value)):
            message = "{value} holds a character that no path can have; remove it"
            raise PydanticCustomError("path", message, {"value": ascii(str(value))})
        return value
