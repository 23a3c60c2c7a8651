"""What TrackEval, the evaluator of MOTChallenge's authors, says; under the names of our figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.tracking.evaluate import Pairing

SHARES = ["HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA", "MOTA", "MOTP"]
SHARES += ["CLR_Re", "CLR_Pr", "IDF1", "IDR", "IDP"]
COUNTS = ["IDSW", "Frag", "CLR_TP", "CLR_FP", "CLR_FN", "MT", "PT", "ML", "IDTP", "IDFP", "IDFN"]
OURS = {"CLR_Re": "Rcll", "CLR_Pr": "Prcn", "IDSW": "IDs"}
OURS |= {"CLR_TP": "TP", "CLR_FP": "FP", "CLR_FN": "FN"}
QUIET = {"PRINT_CONFIG": False}


def trackeval() -> Any:
    """The module: a test dependency only, which many do without."""
    return pytest.importorskip(
        "trackeval", reason="no trackeval: pip install --no-deps trackeval==1.3.0"
    )


def metrics() -> list[Any]:
    module = trackeval().metrics
    return [module.HOTA(), module.CLEAR(QUIET), module.Identity(QUIET)]


def figures_of(results: Mapping[str, Any]) -> dict[str, float]:
    """The figures of one sequence, from those of all metrics."""
    shares = {OURS.get(name, name): 100 * float(np.mean(results[name])) for name in SHARES}
    return shares | {OURS.get(name, name): int(results[name]) for name in COUNTS}


def figures_of_pairing(pairing: Pairing) -> dict[str, float]:
    """What its metrics say about frames that are in memory."""
    data = {
        "num_timesteps": len(pairing.frames),
        "num_gt_ids": len(pairing.people_seen),
        "num_tracker_ids": len(pairing.tracks_seen),
        "num_gt_dets": pairing.people_seen.sum(),
        "num_tracker_dets": pairing.tracks_seen.sum(),
        "gt_ids": [frame.people for frame in pairing.frames],
        "tracker_ids": [frame.tracks for frame in pairing.frames],
        "similarity_scores": [frame.overlap for frame in pairing.frames],
    }
    results: dict[str, Any] = {}
    for metric in metrics():
        results |= metric.eval_sequence(data)
    return figures_of(results)


def figures_of_folders(
    truth: Path, tracks: Path, sequences: Mapping[str, int | None], benchmark: str
) -> dict[str, dict[str, float]]:
    """What it says about folders of files, for each sequence and for all, `combined`.

    Args:
        truth: A folder of sequences.
        tracks: A folder of files in its own layout: `tracker/data/NAME.txt`.
        sequences: The names, and how many frames each has, if no `seqinfo.ini` says so.
        benchmark: MOT15, MOT17 or MOT20: how the ground truth is to be read.
    """
    settings = {"GT_FOLDER": str(truth), "TRACKERS_FOLDER": str(tracks), "SKIP_SPLIT_FOL": True}
    settings |= {"SEQ_INFO": dict(sequences), "BENCHMARK": benchmark, **QUIET}
    settings["TRACKERS_TO_EVAL"] = ["tracker"]
    files = trackeval().datasets.MotChallenge2DBox(settings)
    silent = dict.fromkeys(["PRINT_RESULTS", "TIME_PROGRESS", "OUTPUT_SUMMARY"], False)
    silent |= {"OUTPUT_DETAILED": False, "PLOT_CURVES": False, "LOG_ON_ERROR": None, **QUIET}
    evaluator = trackeval().Evaluator({**silent, "BREAK_ON_ERROR": True})
    results, _ = evaluator.evaluate([files], metrics())
    found = {}
    for name, parts in results["MotChallenge2DBox"]["tracker"].items():
        merged = {k: v for part in parts["pedestrian"].values() for k, v in part.items()}
        found["combined" if name == "COMBINED_SEQ" else name] = figures_of(merged)
    return found


def assert_equal(ours: Mapping[str, float], theirs: Mapping[str, float]) -> None:
    """Counts are equal, and shares too, but for rounding: they are in percent."""
    for name, figure in theirs.items():
        if isinstance(figure, int):
            assert (name, ours[name]) == (name, figure)
        else:
            assert (name, ours[name]) == (name, pytest.approx(figure, abs=1e-6))
