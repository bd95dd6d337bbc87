#!/usr/bin/env bash
# duckdb 2.0.1, pyarrow 26.0.1.
#
# Expected: a query over vectors gives the same rows whether they lie in a table or in a Parquet file of that table, and
# `WHERE v IS NOT NULL` keeps the clip without a vector out of the computation.
# Happens: `list_distance` (and `list_cosine_similarity`) over the file is refused for the null row that the filter leaves
# out, also behind `WITH … AS MATERIALIZED`, `coalesce` and `CASE`. Over the table it answers, even without a filter. A
# cast to a fixed size, `array_distance(v::FLOAT[2], …)`, answers over the file.
# Seen:
#   table [('a', 5.0), ('c', 1.0)]
#   file refused: left argument can not contain NULL values
#   file, materialized refused: left argument can not contain NULL values
#   file, coalesce refused: left argument can not contain NULL values
#   file, fixed size [('a', 5.0), ('c', 1.0)]
. "$(dirname "$0")/lib.sh" duckdb==2.0.1 pyarrow==26.0.1
python - <<'PY'
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

vectors = pa.array([[3.0, 4.0], None, [1.0, 0.0]], pa.list_(pa.float32()))
pq.write_table(pa.table({"clip": ["a", "b", "c"], "v": vectors}), "clips.parquet")
duckdb.sql("CREATE TABLE clips AS FROM 'clips.parquet'")
filtered = "(SELECT * FROM 'clips.parquet' WHERE v IS NOT NULL)"
queries = {
    "table": "SELECT clip, list_distance(v, [0, 0]::FLOAT[]) FROM clips WHERE v IS NOT NULL",
    "file": "SELECT clip, list_distance(v, [0, 0]::FLOAT[]) FROM 'clips.parquet' WHERE v IS NOT NULL",
    "file, materialized": f"WITH s AS MATERIALIZED {filtered} SELECT clip, list_distance(v, [0, 0]::FLOAT[]) FROM s",
    "file, coalesce": "SELECT clip, list_distance(coalesce(v, [0, 0]::FLOAT[]), [0, 0]::FLOAT[]) FROM 'clips.parquet'",
    "file, fixed size": "SELECT clip, array_distance(v::FLOAT[2], [0, 0]::FLOAT[2]) FROM 'clips.parquet' WHERE v IS NOT NULL",
}
seen = {}
for name, query in queries.items():
    try:
        seen[name] = duckdb.sql(query).fetchall()
    except duckdb.InvalidInputException as error:
        seen[name] = f"refused: {str(error).partition('list_distance: ')[2]}"
    print(name, seen[name])
right = [("a", 5.0), ("c", 1.0)]
assert seen["table"] == seen["file, fixed size"] == right
assert all("can not contain NULL" in seen[name] for name in ("file", "file, materialized", "file, coalesce"))
PY
