"""`Saved`: what a run remembered, checked, and ready for another run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torchpipe.engine.position import Position, Start
from torchpipe.engine.saving.plain import NotPlain, unpacked
from torchpipe.engine.saving.sound import FORM, has_form
from torchpipe.engine.saving.state import FORMAT, VERSION, definitions
from torchpipe.errors import StateError
from torchpipe.graph.parameter import Parameter, settings

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


MISSHAPEN = "it is not of the form that run.save gives it. Load one that was not changed."


class Saved(NamedTuple):
    """What was saved.

    Attributes:
        start: Where the epoch starts.
        states: What the cells remembered, by path.
        parameters: The values of the live parameters, by path and name.
    """

    start: Start
    states: dict[str, Any]
    parameters: dict[str, dict[str, Any]]

    def set_parameters(self, core: Core) -> None:
        """Set the live parameters of a run."""
        cells = definitions(core)
        for path, values in self.parameters.items():
            for name, value in values.items():
                setattr(cells[path], name, value)


def checked(core: Core, plain: Any, name: str) -> Saved:
    """What was saved, if it fits this run.

    Args:
        core: The run.
        plain: What `state_dict` returned.
        name: What to call it in an error.

    Raises:
        StateError: It does not fit.
    """
    problem = (
        foreign(plain) or misshapen(plain) or other_seed(core, plain) or other_cells(core, plain)
    )
    if problem:
        raise StateError(f"cannot load {name}: {problem}")
    try:
        saved = Saved(
            start_of(plain),
            {path: unpacked(cell["state"]) for path, cell in plain["cells"].items()},
            unpacked(plain["parameters"]),
        )
        problem = other_parameters(core, saved.parameters)
    except NotPlain as error:
        text = f"cannot load {name}: it holds {error.what}. Import it first, as it was."
        raise StateError(text) from None
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        raise StateError(f"cannot load {name}: {MISSHAPEN}") from None
    if problem:
        raise StateError(f"cannot load {name}: {problem}")
    return saved


def start_of(plain: dict[str, Any]) -> Start:
    """Where the epoch starts."""
    regions, position = plain["regions"], Position(*plain["position"])
    return Start(
        position.epoch,
        plain["step"],
        {key: region["number"] for key, region in regions.items()},
        sought=True,
        position=position,
        ended=frozenset(key for key, region in regions.items() if region["ended"]),
        pending={key: unpacked(region["pending"]) for key, region in regions.items()},
        resets=plain["resets"],
    )


def foreign(plain: Any) -> str:
    """Say why this is nothing that this version saved."""
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        return "it is no state of a run. Give what run.save or run.state_dict made."
    version = plain.get("version")
    if not isinstance(version, int) or version != VERSION:  # tensors do not compare
        return (
            f"it has version {version}, and this torchpipe reads version {VERSION}. "
            f"Load it with the torchpipe that saved it."
        )
    return ""


def misshapen(plain: dict[str, Any]) -> str:
    """Say that nothing can be made of it."""
    return "" if has_form(plain, FORM) else MISSHAPEN


def other_seed(core: Core, plain: dict[str, Any]) -> str:
    """Say that the results of the run were other ones."""
    seed, own = plain["seed"], core.shared.seed
    if seed == own:
        return ""
    return f"it has seed {seed}, and this run has seed {own}. Start the run with run(seed={seed})."


def other_cells(core: Core, plain: dict[str, Any]) -> str:
    """Say how the pipeline was another one."""
    cells = definitions(core).items()
    here = {path: type(cell).__qualname__ for path, cell in cells if cell.stateful}
    there = {path: cell["kind"] for path, cell in plain["cells"].items()}
    starts = {plan.key for plan in core.plan.regions}
    here |= dict.fromkeys(starts - plain["regions"].keys(), "starts a region")
    there |= dict.fromkeys(plain["regions"].keys() - starts, "starts a region")
    if here == there:
        return ""
    return (
        f"it is of another pipeline. It has {difference(there, here)}, and this one has "
        f"{difference(here, there)}. Load it into a pipeline with the same stateful cells."
    )


def difference(some: dict[str, str], others: dict[str, str]) -> str:
    """Those of some that are not among the others."""
    found = [f"{path} ({kind})" for path, kind in some.items() if others.get(path) != kind]
    return ", ".join(found) or "nothing that the other has not"


def other_parameters(core: Core, values: dict[str, dict[str, Any]]) -> str:
    """Say which parameter is not there, or does not take its value."""
    cells = definitions(core)
    for path, named in values.items():
        known = settings(cells[path], Parameter) if path in cells else {}
        for name, value in named.items():
            problem = known[name].problem(value) if name in known else "there is no such parameter"
            if problem:
                return f"it sets {path}.{name} to {value!r}, but {problem}. Use the code of then."
    return ""
