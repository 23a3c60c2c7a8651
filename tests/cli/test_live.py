"""`torchpipe dashboard`: a run that is looked at."""

import signal
import subprocess
import sys

import httpx
import pytest


def test_the_page_is_told_and_the_run_goes_to_its_end(torchpipe, street):
    code, out, err = torchpipe("dashboard", f"{street}:Street", "--port", 0, "--exit")
    first, second, *_ = out.splitlines()
    assert (code, err) == (0, "")
    assert first.startswith("Street: http://127.0.0.1:")
    assert second.startswith("3 items in ")


def test_elsewhere_than_on_this_machine_a_token_is_asked_for(torchpipe, street, monkeypatch):
    monkeypatch.delenv("TORCHPIPE_TOKEN", raising=False)
    code, out, err = torchpipe("dashboard", f"{street}:Street", "--host", "0.0.0.0")
    assert (code, out) == (2, "")
    assert err == (
        "torchpipe: cannot show the run on 0.0.0.0 without a token: whoever reaches it could "
        "change the run. Give a token (--token, or TORCHPIPE_TOKEN), or show it on 127.0.0.1.\n"
    )


def test_an_option_of_the_page_that_the_pipeline_has_too_is_refused(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Line(tp.Pipeline):\n"
        "    def __init__(self, port: int = 1):\n"
        "        super().__init__()\n"
        "    def build(self):\n"
        "        return tp.Source([])()\n"
    )
    code, out, err = torchpipe("dashboard", f"{file}:Line")
    assert (code, out) == (2, "")
    assert err == (
        "torchpipe: cannot show the pipeline: argument --port: conflicting option string: --port, "
        "which is taken by its parameter. Rename that, or name an instance of the pipeline as the "
        "target.\n"
    )


def test_without_the_extra_it_is_named(torchpipe, street, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("torchpipe.dashboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    code, out, err = torchpipe("dashboard", f"{street}:Street")
    assert (code, out) == (2, "")
    assert err == (
        "torchpipe: cannot show a page: the module 'starlette.applications' is not installed. "
        "Install the extra `dashboard`: from a checkout, pip install --editable '.[dashboard]'.\n"
    )


@pytest.mark.timeout(120)
def test_the_page_stays_until_ctrl_c(street):
    words = ["dashboard", f"{street}:Street", "--port", "0"]
    listening = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from torchpipe.cli import main; sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", listening, *words], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = next(process.stdout).split()[-1]
        while "The page stays" not in next(process.stdout):
            pass
        assert httpx.get(f"{url}graph").json()["name"] == "Street"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
