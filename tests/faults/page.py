"""The introduction of docs/faults.md."""

INTRODUCTION = """<!-- Written by `python -m tests.faults.table` from tests/faults/rows.py and the tests. -->
# Faults

{rows} {tested} {tests}"""
