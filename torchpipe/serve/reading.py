"""The inputs in a request: JSON, compressed or not, or a form with files."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from torchpipe.serve.arrays import DTYPES
from torchpipe.serve.ports import ServedPort
from torchpipe.serve.refusals import MOST_TOLD, BadInput, Refusal, bad_input

T = TypeVar("T")
WINDOWS = {"gzip": 31, "deflate": 15}  # what zlib calls them
MOST_NAMES = 1_000_000  # in the JSON of a body: each may be wrong, and so has an error of its own
LARGEST_WHOLE = 2.0**63
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # others run programs


async def read_json(request: Request, read: Callable[[bytes], T], most: int) -> T:
    """The body as an object.

    Args:
        request: Whose body it is.
        read: What pydantic has made to read it.
        most: Most bytes of a body that was compressed.

    Raises:
        Refusal: It is no JSON, or not what is expected.
    """
    refuse_other(media_type(request), "JSON, with -H 'Content-Type: application/json'")
    body = plain(await request.body(), request, most)
    if body.count(b":") > MOST_NAMES:
        text = f"the body may have more than {MOST_NAMES:,} names, as it has more colons."
        raise Refusal(f"{text} Send fewer at a time.", 413)
    try:
        return read(body)
    except ValidationError as error:
        if error.error_count() > MOST_TOLD or not any(map(is_of_integer, error.errors())):
            raise bad_input(error) from None
    try:
        return read(to_json(whole(from_json(body))))
    except ValidationError as error:
        raise bad_input(error) from None


def is_of_integer(one: ErrorDetails) -> bool:
    """Whether an error says that there is no integer."""
    return one["type"] == "int_type"


def whole(value: Any) -> Any:
    """The same, with numbers such as 3.0 as integers, which they are in JSON.

    Those beyond 64 bits stay as they are: as integers they would be a hundred times as long.

    >>> whole({"a": [3.0, 3.5]})
    {'a': [3, 3.5]}
    """
    if isinstance(value, dict):
        return {key: whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE:
        return int(value)
    return value


def plain(body: bytes, request: Request, most: int) -> bytes:
    """A body as it was before it was compressed; its bytes are counted for the request.

    Raises:
        Refusal: It was compressed in another way, or there is no room for it.
    """
    made = decompressed(body, request.headers.get("content-encoding", ""), most)
    if made is not body:
        request.state.share.add(len(made))
    return made


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
    request: Request, ports: dict[str, ServedPort], model: type[BaseModel], most: int
) -> BaseModel:
    """The fields of a form as a model: files are images, arrays or bytes, text is JSON or text.

    Args:
        request: Whose body it is.
        ports: The inputs, by name.
        model: What they must be.
        most: Most bytes of the pixels of an image.

    Raises:
        Refusal: It is no form, or not what the model says.
    """
    try:
        async with request.form(max_files=len(ports), max_fields=len(ports)) as form:
            values = await values_in(form, ports, most)
            request.state.share.add(sum(map(size_of, values.values())))
    except (MultiPartException, HTTPException, KeyError) as error:
        text = getattr(error, "message", None) or getattr(error, "detail", "it has no boundary")
        raise Refusal(f"the form cannot be read: {text}.", 400) from None
    try:
        return model.model_validate(values, strict=False)  # text can be a date, a colour ...
    except ValidationError as error:
        raise bad_input(error) from None


async def values_in(form: FormData, ports: dict[str, ServedPort], most: int) -> dict[str, Any]:
    """What the fields of a form stand for, by name."""
    values: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in values or name not in ports:
            raise BadInput(f"{name[:80]}: there is no such input, or it is sent twice.")
        if isinstance(value, str):
            values[name] = of_text(ports[name], value)
        else:
            values[name] = of_file(ports[name], await value.read(), most)
    return values


def size_of(value: Any) -> int:
    """Bytes of what was made of a file; what is as long as its text is counted with the body."""
    return value.nbytes if isinstance(value, np.ndarray) else 0


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


def of_file(port: ServedPort, data: bytes, most: int) -> Any:
    """What a file stands for: the pixels of an image, an array of NumPy, bytes, or JSON."""
    if port.array is not None:
        return array_in(port.name, data, most)
    if port.type is bytes:
        return data
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError:
        raise BadInput(f"{port.name}: the file is no JSON.") from None


def array_in(name: str, data: bytes, most: int) -> np.ndarray[Any, Any]:
    """The array in a file of NumPy, or the pixels of an image: `(height, width, 3)`, RGB, uint8."""
    try:
        return numbers(data) if data.startswith(b"\x93NUMPY") else pixels(data, most)
    except Exception:
        raise BadInput(
            f"{name}: the file is no image and no array, or it is damaged or too large. Send PNG, "
            f"JPEG, WebP ... or what numpy.save writes."
        ) from None


def numbers(data: bytes) -> np.ndarray[Any, Any]:
    """The array in a file of NumPy, in the byte order of this machine."""
    made = np.load(io.BytesIO(data), allow_pickle=False)
    if made.dtype.name not in DTYPES:
        raise ValueError("what is neither a number nor a truth value")
    return made.astype(made.dtype.newbyteorder("="), copy=False)  # type: ignore[no-any-return]


def pixels(data: bytes, most: int) -> np.ndarray[Any, Any]:
    """The pixels of an image, turned as its camera says; no more than `most` bytes."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if 3 * image.width * image.height > most:
            raise ValueError("too many pixels")
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).copy()
