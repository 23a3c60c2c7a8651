"""The inputs in a request: JSON, a form with files, or one array as bytes; compressed or not."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from torchpipe.serve.ports import ServedPort
from torchpipe.serve.refusals import BadInput, Refusal, bad_input

T = TypeVar("T")
WINDOWS = {"gzip": 31, "deflate": 15}  # what zlib calls them
MOST_PIXELS = 64_000_000
SHORTEST, LONGEST = 0.001, 86_400.0  # seconds that a client may give its request


async def read_json(request: Request, read: Callable[[bytes], T], most: int) -> T:
    """The body as an object.

    Args:
        request: Whose body it is.
        read: What pydantic has made to read it.
        most: Most bytes of a body that was compressed.

    Raises:
        Refusal: It is no JSON, or not what is expected.
    """
    refuse_other(media_type(request), "JSON")
    body = decompressed(await request.body(), request.headers.get("content-encoding", ""), most)
    try:
        return read(body)
    except ValidationError as error:
        if not any(one["type"] == "int_type" for one in error.errors(include_url=False)):
            raise bad_input(error) from None
    try:
        return read(to_json(whole(from_json(body))))
    except ValidationError as error:
        raise bad_input(error) from None


def whole(value: Any) -> Any:
    """The same, with numbers such as 3.0 as integers, which they are in JSON.

    >>> whole({"a": [3.0, 3.5]})
    {'a': [3, 3.5]}
    """
    if isinstance(value, dict):
        return {key: whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def decompressed(body: bytes, encoding: str, most: int) -> bytes:
    """A body as it was before it was compressed; no more than `most` bytes are ever held."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in WINDOWS:
        raise Refusal("cannot read this Content-Encoding: send gzip, deflate, or none.", 415)
    reader = zlib.decompressobj(WINDOWS[encoding])
    try:
        made = reader.decompress(body, most + 1)
    except zlib.error:
        made = b""
    if len(made) > most:
        raise Refusal(f"the body is larger than {most:,} bytes when it is decompressed.", 413)
    if not reader.eof or reader.unused_data:
        raise Refusal(f"the body is not {encoding}, or damaged.", 400)
    return made


async def read_form(
    request: Request, ports: dict[str, ServedPort], model: type[BaseModel]
) -> BaseModel:
    """The fields of a form as a model: files are images, arrays or bytes, text is JSON or text.

    Raises:
        Refusal: It is no form, or not what the model says.
    """
    try:
        async with request.form(max_files=len(ports), max_fields=len(ports)) as form:
            values = await values_in(form, ports)
    except (MultiPartException, HTTPException, KeyError) as error:
        text = getattr(error, "message", None) or getattr(error, "detail", "it has no boundary")
        raise Refusal(f"the form cannot be read: {text}.", 400) from None
    try:
        return model.model_validate(values, strict=False)  # text can be a date, a colour ...
    except ValidationError as error:
        raise bad_input(error) from None


async def values_in(form: FormData, ports: dict[str, ServedPort]) -> dict[str, Any]:
    """What the fields of a form stand for, by name."""
    values: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in values or name not in ports:
            raise BadInput(f"{name[:80]}: there is no such input, or it is sent twice.")
        if isinstance(value, str):
            values[name] = of_text(ports[name], value)
        else:
            values[name] = of_file(ports[name], await value.read())
    return values


def media_type(request: Request) -> str:
    """What the body is said to be."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def refuse_other(kind: str, wanted: str) -> None:
    """Refuse what nobody here can read."""
    if kind not in ("", "application/json"):
        raise Refusal(f"cannot read {kind[:80]}: send {wanted}.", 415)


def of_text(port: ServedPort, text: str) -> Any:
    """What a field of text stands for."""
    if port.type is str:
        return text
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def of_file(port: ServedPort, data: bytes) -> Any:
    """What a file stands for: the pixels of an image, an array of NumPy, bytes, or JSON."""
    if port.array is not None:
        return array_in(port.name, data)
    if port.type is bytes:
        return data
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError:
        raise BadInput(f"{port.name}: the file is no JSON.") from None


def array_in(name: str, data: bytes) -> np.ndarray[Any, Any]:
    """The array in a file of NumPy, or the pixels of an image: `(height, width, 3)`, RGB, uint8."""
    try:
        if data.startswith(b"\x93NUMPY"):
            return np.load(io.BytesIO(data), allow_pickle=False)  # type: ignore[no-any-return]
        return pixels(data)
    except Exception:
        raise BadInput(
            f"{name}: the file is no image and no array, or it is damaged or too large. Send PNG, "
            f"JPEG, WebP ... or what numpy.save writes."
        ) from None


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    """The pixels of an image, turned as its camera says."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).copy()
