"""A minimal reporter for test programs: one line per check, exit status 1 when any failed.

    from tap import check, finish
    with check("what is shown"):
        assert ...
    finish()
"""

import contextlib
import sys
import traceback

_failed = 0
_reported = 0


@contextlib.contextmanager
def check(name):
    """Reports the block as passed when it runs through, failed when it raises."""
    global _failed, _reported
    _reported += 1
    try:
        yield
    except Exception as error:  # noqa: BLE001 - every exception is a failed check
        _failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = str(error).replace("\n", " ") or where.line
        print(f"not ok - {name}: {type(error).__name__}: {text} (line {where.lineno})", flush=True)
    else:
        print(f"ok - {name}", flush=True)


def skip(name, why):
    global _reported
    _reported += 1
    print(f"skip - {name}: {why}", flush=True)


def finish():
    if _reported == 0:
        print("not ok - nothing was checked")
        sys.exit(1)
    sys.exit(1 if _failed else 0)
