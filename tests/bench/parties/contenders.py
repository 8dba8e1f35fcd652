"""What people use today, each as two functions: from a file to what it holds, from there to rows in a table.

`python contenders.py NAME URL FILE...` imports what the contender needs, says that it is ready, and for each line on
standard input reads (`read`) or loads (`load`) the files and answers with the wall seconds and the CPU seconds of all
its threads that it took. It knows nothing of the benchmarks that run it.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ENCODING: Final = "gb18030"
"""The encoding that a file of text has if its name says so; otherwise it is UTF-8."""
REPLACE, APPEND = "replace", "append"
"""What becomes of a table that is there, as polars and pandas have it."""
CHUNK_ROWS: Final = 10_000
BATCH_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Contender:
    """`read` turns a file into whatever `write` puts into a table of the database at a URL.

    A table that is there is replaced by the first file of a round, and appended to by the others.
    """

    read: Callable[[str], Any]
    write: Callable[[Any, str, str], None] = lambda _table, _url, _there: None


def polars_adbc() -> Contender:
    """Read with polars (fastexcel), write with ADBC over one connection: nothing is checked, the table has no key."""
    import polars
    from adbc_driver_postgresql import dbapi

    connections: dict[str, Any] = {}

    def read(file: str) -> Any:
        if not file.endswith(".csv"):
            return polars.read_excel(file)
        encoding = ENCODING if ENCODING in Path(file).name else "utf8"
        return polars.read_csv(file, encoding=encoding, infer_schema_length=CHUNK_ROWS)

    def write(frame: Any, url: str, there: str) -> None:
        if url not in connections:
            connections[url] = dbapi.connect(url)
        frame.write_database("polars_orders", connections[url], engine="adbc", if_table_exists=there)

    return Contender(read, write)


def pandas_calamine() -> Contender:
    """Read with pandas and calamine, write with `to_sql`."""
    return _pandas("calamine")


def pandas_openpyxl() -> Contender:
    """Read with pandas and openpyxl, write with `to_sql`."""
    return _pandas("openpyxl")


def _pandas(engine: str) -> Contender:
    import pandas
    import sqlalchemy

    def read(file: str) -> Any:
        if not file.endswith(".csv"):
            return pandas.read_excel(file, engine=engine)
        return pandas.read_csv(file, encoding=ENCODING if ENCODING in Path(file).name else "utf-8")

    def write(frame: Any, url: str, there: str) -> None:
        target = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
        frame.to_sql("pandas_orders", target, if_exists=there, index=False, chunksize=CHUNK_ROWS)
        target.dispose()

    return Contender(read, write)


def row_dicts() -> Contender:
    """The replaced way: pandas, a dict for each row, JSONB upserted in batches."""
    import json

    import pandas
    import psycopg2
    from psycopg2.extras import execute_values

    def read(file: str) -> Any:
        frame = pandas.read_excel(file, engine="openpyxl")
        return [
            {str(name): None if pandas.isna(value) else str(value) for name, value in row.items()}
            for _, row in frame.iterrows()
        ]

    def write(records: Any, url: str, there: str) -> None:
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            if there == REPLACE:
                cursor.execute("DROP TABLE IF EXISTS row_dicts")
                cursor.execute("CREATE TABLE row_dicts (key text PRIMARY KEY, data jsonb)")
            for start in range(0, len(records), BATCH_ROWS):
                batch = [
                    (record["订单号"], json.dumps(record, ensure_ascii=False))
                    for record in records[start : start + BATCH_ROWS]
                ]
                statement = "INSERT INTO row_dicts VALUES %s ON CONFLICT (key) DO UPDATE SET data = excluded.data"
                execute_values(cursor, statement, batch)
        connection.close()

    return Contender(read, write)


def calamine_alone() -> Contender:
    """Only open the sheet and read its cells: the floor under everything that uses calamine."""
    import python_calamine

    return Contender(lambda file: python_calamine.CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python())


def copy_alone() -> Contender:
    """Only COPY rows that are text already into a table without a key: the floor under everything that loads."""
    import polars
    import psycopg2

    texts: dict[str, tuple[str, Any]] = {}

    def read(file: str) -> Any:
        if file not in texts:  # in the round that warms up
            frame = polars.read_excel(file)
            texts[file] = frame.write_csv(include_header=False, null_value=""), frame.clear()
        return texts[file]

    def write(table: Any, url: str, there: str) -> None:
        text, empty = table
        if there == REPLACE:
            empty.write_database("copied_orders", url, engine="adbc", if_table_exists=REPLACE)
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.copy_expert("COPY copied_orders FROM STDIN (FORMAT csv)", io.StringIO(text))
        connection.close()

    return Contender(read, write)


def headgate_parse(dataset_file: Path) -> Contender:
    """Headgate's own reading, alone: every cell typed, checked and spooled, as its worker does it."""
    from ingest.preload import preload

    preload()
    from ingest.parse import parse
    from ingest.spec.dataset_file import load_dataset

    dataset = load_dataset(dataset_file)

    def read(file: str) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            report = parse(Path(file), dataset, Path(folder))
        assert report.rejection is None, report.rejection
        return report

    return Contender(read)


POLARS: Final = "polars + ADBC"
PANDAS: Final = "pandas (calamine) + to_sql"
CONTENDERS: Final[dict[str, Callable[[], Contender]]] = {
    POLARS: polars_adbc,
    PANDAS: pandas_calamine,
    "pandas (openpyxl) + to_sql": pandas_openpyxl,
    "row dicts + JSONB upsert": row_dicts,
    "calamine alone, no load": calamine_alone,
    "COPY alone, no workbook": copy_alone,
}
SLOW: Final = frozenset({PANDAS, "pandas (openpyxl) + to_sql", "row dicts + JSONB upsert"})
"""Those that take most of a minute for the large workbook."""
PARSE: Final = "Headgate's parse, no load"


def serve(contender: Contender, what: str, file: str, url: str, there: str) -> None:
    """Read a file, or load it; what was read is gone at the end, so that two tables are never held at once."""
    table = contender.read(file)
    if what == "load":
        contender.write(table, url, there)


def main() -> None:
    """Serve rounds until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, help=f"the dataset that {PARSE!r} reads by")
    parser.add_argument("name")
    parser.add_argument("url")
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    contender = headgate_parse(given.dataset) if given.name == PARSE else CONTENDERS[given.name]()
    print("ready", flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        for number, file in enumerate(given.files):
            serve(contender, line.strip(), file, given.url, APPEND if number else REPLACE)
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


if __name__ == "__main__":
    main()
