"""What people use today, each as one function from a file to rows in a table; run as a process of its own.

`python contenders.py NAME URL FILE...` imports what the contender needs, says that it is ready, and for each line on
standard input loads the files and answers with the seconds that it took.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence

Load = Callable[[str, str], None]


def polars_adbc() -> Load:
    """Read with polars (fastexcel), write with ADBC: nothing is checked, the table has no key."""
    import polars

    def load(url: str, file: str) -> None:
        frame = polars.read_excel(file)
        frame.write_database("polars_orders", url, engine="adbc", if_table_exists="replace")

    return load


def pandas_calamine() -> Load:
    """Read with pandas and calamine, write with `to_sql`."""
    return _pandas("calamine")


def pandas_openpyxl() -> Load:
    """Read with pandas and openpyxl, write with `to_sql`."""
    return _pandas("openpyxl")


def _pandas(engine: str) -> Load:
    import pandas
    import sqlalchemy

    def load(url: str, file: str) -> None:
        target = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
        frame = pandas.read_excel(file, engine=engine)
        frame.to_sql("pandas_orders", target, if_exists="replace", index=False, chunksize=10_000)
        target.dispose()

    return load


def row_dicts() -> Load:
    """The replaced way: pandas, a dict for each row, JSONB upserted in batches."""
    import json

    import pandas
    import psycopg2
    from psycopg2.extras import execute_values

    def load(url: str, file: str) -> None:
        frame = pandas.read_excel(file, engine="openpyxl")
        records = [
            {str(name): None if pandas.isna(value) else str(value) for name, value in row.items()}
            for _, row in frame.iterrows()
        ]
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS row_dicts")
            cursor.execute("CREATE TABLE row_dicts (key text PRIMARY KEY, data jsonb)")
            for start in range(0, len(records), 1000):
                batch = [
                    (record["订单号"], json.dumps(record, ensure_ascii=False))
                    for record in records[start : start + 1000]
                ]
                statement = "INSERT INTO row_dicts VALUES %s ON CONFLICT (key) DO UPDATE SET data = excluded.data"
                execute_values(cursor, statement, batch)
        connection.close()

    return load


def calamine_alone() -> Load:
    """Only open the sheet and read its cells: the floor under everything that uses calamine."""
    import python_calamine

    def load(_url: str, file: str) -> None:
        python_calamine.CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()

    return load


def copy_alone() -> Load:
    """Only COPY rows that are text already into a table without a key: the floor under everything that loads."""
    import polars
    import psycopg2

    texts: dict[str, str] = {}

    def load(url: str, file: str) -> None:
        if file not in texts:  # in the round that warms up
            frame = polars.read_excel(file)
            texts[file] = frame.write_csv(include_header=False, null_value="")
            polars.DataFrame(schema=frame.schema).write_database(
                "copied_orders", url, engine="adbc", if_table_exists="replace"
            )
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute("TRUNCATE copied_orders")
            cursor.copy_expert("COPY copied_orders FROM STDIN (FORMAT csv)", io.StringIO(texts[file]))
        connection.close()

    return load


CONTENDERS: dict[str, Callable[[], Load]] = {
    "polars + ADBC": polars_adbc,
    "pandas (calamine) + to_sql": pandas_calamine,
    "pandas (openpyxl) + to_sql": pandas_openpyxl,
    "row dicts + JSONB upsert": row_dicts,
    "calamine alone, no load": calamine_alone,
    "COPY alone, no workbook": copy_alone,
}


def main(name: str, url: str, files: Sequence[str]) -> None:
    """Serve rounds until standard input ends."""
    load = CONTENDERS[name]()
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        for file in files:
            load(url, file)
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
