"""Packing loses nothing and touches only what is a table."""

import json

from models.packing import pack_tables, unpack_tables

ROWS = [{"n": n, "interval": [0.5, None], "of": {"a": n}} for n in range(20)]


def test_a_long_list_of_equal_objects_becomes_a_table_and_back() -> None:
    packed = pack_tables({"cube": {"secondary": ROWS}})
    assert packed["cube"]["secondary"] == {
        "table_columns": ["interval", "n", "of"], "table_rows": [[[0.5, None], n, {"a": n}] for n in range(20)],
    }  # fmt: skip
    assert unpack_tables(json.loads(json.dumps(packed))) == {"cube": {"secondary": ROWS}}


def test_short_lists_and_lists_of_unequal_objects_stay_as_they_are() -> None:
    for kept in (ROWS[:19], [*ROWS, {"n": 1}], list(range(30)), [["a"]] * 30):
        assert pack_tables(kept) == kept
        assert unpack_tables(kept) == kept


def test_tables_inside_rows_are_packed_too() -> None:
    nested = [{"rows": ROWS}] * 20
    assert unpack_tables(pack_tables(nested)) == nested
    assert len(json.dumps(pack_tables(nested))) < 0.7 * len(json.dumps(nested))
