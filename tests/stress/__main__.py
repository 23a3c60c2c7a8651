"""The figures of `docs/guarantees.md`, measured anew: about 30 minutes on two idle cores.

python -m tests.stress              all of it, written into docs/guarantees.md
python -m tests.stress --short      a tenth of it, printed only
"""

from __future__ import annotations

import argparse

from tests.stress.measuring import cases, killed, mutants, soaked, tests_of_promises
from tests.stress.table import table_of_cases, table_of_promises, write


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="threads only, printed only")
    short = parser.parse_args().short
    rows = [*cases(short), soaked("thread", short)]
    if short:
        print(table_of_cases(rows))
        return
    rows += [soaked("ray"), soaked("mixed"), killed()]
    text = f"{table_of_promises(tests_of_promises(), rows)}\n\n{table_of_cases([*rows, mutants()])}"
    print(text)
    write(text)


if __name__ == "__main__":
    main()
