"""The engine comes without the ORM, and is the very one of the package for those who import that later."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


@pytest.mark.parametrize("before", ["", "import sqlalchemy.ext.asyncio"])
def test_the_engine_is_that_of_the_package(before: str) -> None:
    script = textwrap.dedent(
        f"""
        import sys
        {before}
        from daemon.database.async_engine import AsyncConnection, AsyncEngine, create_async_engine
        print("sqlalchemy.orm" in sys.modules)
        import sqlalchemy.ext.asyncio as package
        print(package.AsyncEngine is AsyncEngine, package.AsyncConnection is AsyncConnection)
        print(package.create_async_engine is create_async_engine, package.AsyncSession.__name__)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [str(bool(before)), "True True", "True AsyncSession"]
