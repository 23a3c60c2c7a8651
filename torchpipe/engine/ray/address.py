"""Where the Ray cluster of a run is: addresses chosen, tried and compared; without ray itself."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from torchpipe.errors import ClusterError

LOCAL = "local"
"""The address of a cluster that is started with the run, and stopped with it."""

AUTO = "auto"
"""The address of a cluster that is there already: Ray finds it."""

PLACE = re.compile(r"\[?(?P<host>[^/\[\]]+)\]?:(?P<port>\d+)")
"""An address that says host and port; not "auto", and not one with a scheme."""

START = (
    "Start one with `ray start --head`, or name the address of one that is there; with no address, "
    "a local one is started."
)
TOKEN = (
    "If it was started with a token, set RAY_AUTH_MODE=token here too, with the same "
    "~/.ray/auth_token; else see that it is a Ray cluster, of the same version."
)

ANSWERS = 5.0
"""Seconds in which there must be an answer at an address. Ray itself would try for minutes."""


def chosen(address: str | None) -> str:
    """The address that was given, else the one in `RAY_ADDRESS`, else a cluster of our own."""
    return address or os.environ.get("RAY_ADDRESS") or LOCAL


def refuse_silent(address: str) -> None:
    """Raise if nothing answers at an address, where it is known which host and port that are.

    Raises:
        ClusterError: With the reason.
    """
    address = looked_up(address)
    place = re.fullmatch(PLACE, address)
    try:
        if place:
            socket.create_connection((place["host"], int(place["port"])), ANSWERS).close()
    except OSError as error:
        raise not_joined(address, f"nothing answers there ({error})", START) from error


def looked_up(address: str) -> str:
    """The address that Ray takes for "auto", as far as it has written it down; else the given one.

    That is the cluster that was started last on this machine. If it was killed, its address stays.
    """
    if address != AUTO:
        return address
    named = os.environ.get("RAY_ADDRESS")
    if named and named != AUTO:
        return named
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    try:
        return Path(folder, "ray", "ray_current_cluster").read_text().strip()
    except OSError:
        return AUTO


def not_joined(address: str, why: str, fix: str) -> ClusterError:
    """The error that a cluster cannot be joined."""
    return ClusterError(f"cannot join the Ray cluster at {address}: {why}. {fix}")


def refuse_other(address: str, here: str, own_ip: str) -> None:
    """Raise if an address is not that of the cluster which this process is in.

    Args:
        address: What a run asks for.
        here: The address of the cluster, an IP address and a port.
        own_ip: How the cluster calls this machine, which calls itself localhost.

    Raises:
        ClusterError: A process can be in one cluster only.
    """
    if address != AUTO and resolved(address, own_ip) != here:
        what = "start a local Ray cluster" if address == LOCAL else f"join Ray at {address}"
        raise ClusterError(
            f"cannot {what}: this process is in the cluster at {here}, and it can be in one only. "
            f"Name the same address, or none, or end what runs there first."
        )


def resolved(address: str, own_ip: str) -> str:
    """An address with the IP address of its host, as far as that is known."""
    place = re.fullmatch(PLACE, address)
    if not place:
        return address
    try:
        ip = socket.gethostbyname(place["host"])
    except OSError:
        return address
    return f"{own_ip if ip.startswith('127.') else ip}:{place['port']}"
