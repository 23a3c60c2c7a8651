"""Fields of JSON objects, read with their types checked."""

from __future__ import annotations

import json
from typing import Any

from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.refusals import Refusal

Object = dict[str, Any]


def parsed(text: bytes) -> Object:
    """The JSON object in the text.

    Raises:
        Refusal: There is none.
    """
    try:
        found = json.loads(text.decode())
    except RecursionError:
        raise Refusal("the request is nested too deeply to be read.") from None
    except ValueError as error:  # of JSON, of UTF-8, and of integers with too many digits
        raise Refusal(f"the request is no JSON: {error}.") from None
    return an_object(found, "the request")


def an_object(value: Any, where: str) -> Object:
    """The value, if it is a JSON object."""
    if not isinstance(value, dict):
        raise Refusal(f"{where} must be an object, not {shown(value)}.")
    return value


def objects(value: Any, where: str) -> list[Object]:
    """The value, if it is an array of JSON objects."""
    if not isinstance(value, list):
        raise Refusal(f"{where} must be an array, not {shown(value)}.")
    return [an_object(part, f"{where}[{number}]") for number, part in enumerate(value)]


def text(value: Any, where: str) -> str:
    """The value, if it is text that is not empty."""
    if not isinstance(value, str) or not value:
        raise Refusal(f"{where} must be text, and not empty, not {shown(value)}.")
    return value


def truth(value: Any, where: str) -> bool:
    """The value, if it is true or false."""
    if not isinstance(value, bool):
        raise Refusal(f"{where} must be true or false, not {shown(value)}.")
    return value


def count(value: Any, where: str) -> int:
    """The value, if it is an integer from 0 that fits into 64 bits."""
    if type(value) is not int or not 0 <= value < 2**64:
        raise Refusal(f"{where} must be an integer from 0, of 64 bits, not {shown(value)}.")
    return value


def only(found: Object, known: tuple[str, ...], where: str) -> None:
    """Refuse fields that are not known."""
    for name in found:
        if name not in known:
            raise Refusal(f"{where} has no field {shown(name)}; there are: {', '.join(known)}.")
