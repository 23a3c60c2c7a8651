"""Reads zones from a small JSON or TOML file."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from torchpipe.errors import UsageError

from ..boxes import Floats
from .shapes import Line, Polygon, Zone

_FORM = '{"lines": {"door": [[x, y], [x, y]]}, "polygons": {"hall": [[x, y], [x, y], [x, y]]}}'
_KINDS = ("lines", "polygons")
_FARTHEST = 1e6  # pixels
_DOTTED = re.compile(r"([\w\"'-]+\s*\.\s*){20}")  # the parser takes for ever with thousands


def read_zones(path: str | Path) -> list[Zone]:
    """Reads the zones of a file: TOML if its name ends so, else JSON.

    It holds `{"lines": {NAME: [[x, y], [x, y]]}, "polygons": {NAME: [[x, y], ...]}}`, in pixels.

    Raises:
        UsageError: There is no such file, or something in it is not a zone.
    """
    try:
        content = _parse(Path(path))
    except OSError as error:
        raise _refused(path, f"{error.strerror}. Name a file of zones.") from error
    except ValueError as error:  # those of JSON, TOML and Unicode too
        raise _refused(path, f"{error}. Mend it.") from error
    except RecursionError:
        raise _refused(path, "it is nested too deeply. Mend it.") from None
    return list(_zones(path, content))


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".toml":
        return json.loads(text, object_pairs_hook=_once)
    if _DOTTED.search(text):
        raise ValueError("a key in it has twenty parts")
    return tomllib.loads(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in pairs:
        name.encode()  # half of a surrogate pair is no text, though JSON can say it
        if name in names:
            raise ValueError(f"{name!r} is there twice")
        names[name] = value
    return names


def _zones(path: str | Path, content: Any) -> Iterator[Zone]:
    if not isinstance(content, dict) or not content or set(content) - set(_KINDS):
        raise _refused(path, f"it is not of the form {_FORM}. Write it so.")
    names: set[str] = set()
    for kind, zones in content.items():
        if not isinstance(zones, dict) or not zones:
            raise _refused(path, f"its {kind} are not of the form {_FORM}. Write them so.")
        if names & set(zones):
            name = min(names & set(zones))
            raise _refused(path, f"{name!r} is a line and a polygon. Give one another name.")
        names |= set(zones)
        yield from (_zone(path, kind, name, points) for name, points in zones.items())


def _zone(path: str | Path, kind: str, name: str, points: Any) -> Zone:
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise _refused(path, f"the points of {name!r} are {points!r}. Give [[x, y], [x, y], ...].")
    corners: Floats = np.array(points, np.float64).reshape(-1, 2)
    return _line(path, name, corners) if kind == "lines" else _polygon(path, name, corners)


def _line(path: str | Path, name: str, points: Floats) -> Line:
    if len(points) != 2 or (points[0] == points[1]).all():
        why = f"the line {name!r} has {len(np.unique(points, axis=0))} different points"
        raise _refused(path, f"{why} and needs 2. Give its start and its end.")
    return Line(name, points)


def _polygon(path: str | Path, name: str, points: Floats) -> Polygon:
    polygon = Polygon(name, points)
    if _on_one_line(points):
        why = f"the polygon {name!r} has no area"
        raise _refused(path, f"{why}. Give three corners or more that are not on one line.")
    if polygon.area < 1e-9 * np.ptp(points, axis=0).max() ** 2:
        why = f"the polygon {name!r} crosses itself, and its parts cancel each other out"
        raise _refused(
            path, f"{why}. Give its corners in the order of its border, or two polygons."
        )
    return polygon


def _on_one_line(points: Floats) -> bool:
    ways = points - points[:1]
    return len(points) < 3 or bool(np.linalg.matrix_rank(ways) < 2)


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_FARTHEST <= value <= _FARTHEST
    )


def _refused(path: str | Path, problem: str) -> UsageError:
    return UsageError(f"cannot read the zones of {path}: {problem}")
