"""Rights that a role lacks: each refuses the load with its remedy, and is no fault of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from goods import load_spooled, opened, run, spooled

from ingest.load.loaded import TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "clerk_without_rights"
AUDITED = [
    "CREATE TABLE audit (k text)",
    "CREATE FUNCTION f() RETURNS trigger AS 'BEGIN INSERT INTO audit SELECT NEW.k; RETURN NEW; END' LANGUAGE plpgsql",
    "CREATE TRIGGER g AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION f()",
]
POLICY = "CREATE POLICY short ON audit WITH CHECK (length(k) < 2)"
USAGE = f"GRANT USAGE ON SCHEMA app TO {ROLE}"
SEEN = f"CREATE POLICY all_rows ON app.t TO {ROLE} USING (true)"
LACKS = {
    "of a schema": ([], "may not use schema app; run GRANT USAGE ON SCHEMA app"),
    "of a sequence": ([USAGE], "lacks a right .* denied for sequence t_id_seq; run GRANT"),
    "of a secured table's sequence": (
        [USAGE, "ALTER TABLE app.t ENABLE ROW LEVEL SECURITY", SEEN],
        "lacks a right .* denied for sequence t_id_seq; run GRANT",
    ),
    "of what a trigger writes to": (
        [USAGE, "ALTER TABLE app.t ALTER id DROP DEFAULT, ALTER id DROP NOT NULL", *AUDITED],
        "lacks a right .* denied for table audit; run GRANT",
    ),
}


async def load_as_clerk(postgres_database: str, folder: Path, *statements: str) -> dict[str, int]:
    """Load two rows as a role that may write the table; return what is refused."""
    spec = parse_dataset(
        "dataset: d\nfields: [{name: k, type: string}]\nprimaryKey: [k]\nload: {table: app.t, mode: upsert}\n"
        "quarantine: {max_percent: 100}\n",
        "d.yml",
    )
    async with opened(postgres_database) as owner:
        await run(owner, f"CREATE ROLE {ROLE} LOGIN")
        try:
            await run(owner, "CREATE SCHEMA app", "CREATE TABLE app.t (id serial, k text PRIMARY KEY, v int)")
            await run(owner, f"GRANT SELECT, INSERT, UPDATE ON app.t TO {ROLE}", *statements)
            async with opened(postgres_database.replace("://headgate@", f"://{ROLE}@")) as database:
                return dict((await load_spooled(database, spec, spooled(folder, spec, [["a"], ["long"]]))).refused)
        finally:
            await run(owner, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


@pytest.mark.parametrize("name", LACKS)
async def test_a_right_that_is_lacking_is_told_with_its_remedy(
    postgres_database: str, tmp_path: Path, name: str
) -> None:
    statements, told = LACKS[name]
    with pytest.raises(TargetMismatchError, match=told):
        await load_as_clerk(postgres_database, tmp_path, *statements)


async def test_the_row_security_of_what_a_trigger_writes_to_costs_a_row(postgres_database: str, tmp_path: Path) -> None:
    secured = ["ALTER TABLE audit ENABLE ROW LEVEL SECURITY", POLICY, f"GRANT INSERT ON audit TO {ROLE}"]
    statements = [USAGE, f"GRANT USAGE ON SEQUENCE app.t_id_seq TO {ROLE}", *AUDITED, *secured]
    assert await load_as_clerk(postgres_database, tmp_path, *statements) == {"row.db_policy": 1}
