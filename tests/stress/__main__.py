"""The figures of `docs/guarantees.md`, measured anew: about 20 minutes on two idle cores.

python -m tests.stress              all of it, written into docs/guarantees.md
python -m tests.stress --short      a tenth of it, printed only
"""

from __future__ import annotations

import argparse

from tests.stress.measuring import cases, killed, mutants, soaked
from tests.stress.table import Row, table, write


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="threads only, printed only")
    short = parser.parse_args().short
    rows: list[Row] = [*cases(short), soaked("thread", short)]
    if not short:
        rows += [soaked("ray"), soaked("mixed"), killed(), mutants()]
    text = table(rows)
    print(text)
    if not short:
        write(text)


if __name__ == "__main__":
    main()
