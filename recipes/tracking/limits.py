"""Which numbers the options take."""

from torchpipe.errors import UsageError

_LIMITS = {
    "clones": (1, 1000),
    "levels": (1, 4),
    "max_age": (0, 1_000_000),
    "min_hits": (0, 1_000_000),
    "min_overlap": (0, 1),
    "low_score": (0, 1),
    "high_score": (0, 1),
    "new_score": (0, 1),
}


def check_numbers(**numbers: float | None) -> None:
    """Makes sure that each option has a number that it takes, or None.

    Raises:
        UsageError: One is too small or too large.
    """
    for name, value in numbers.items():
        least, most = _LIMITS[name]
        if value is not None and not least <= value <= most:
            option = name.replace("_", "-")
            raise UsageError(f"cannot run with --{option} {value}: give {least} to {most}.")
