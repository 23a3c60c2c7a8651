"""Real data that comes with packages from pip."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from torchpipe.errors import UsageError


def shipped(package: str, path: str) -> Path:
    """A file or folder of a package, which is not imported.

    Raises:
        UsageError: It is not there.
    """
    try:
        found = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        found = Path(path)
    if not found.exists():
        raise UsageError(f"there is no {path} of {package}. Install it: pip install {package}.")
    return found
