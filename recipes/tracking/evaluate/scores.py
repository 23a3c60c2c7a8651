"""All metrics of a sequence at once."""

from dataclasses import dataclass

from .clear import Clear, clear
from .counts import Counts
from .hota import Hota, hota
from .identity import Identity, identity
from .pairing import Pairing


@dataclass(frozen=True, eq=False)
class Scores(Counts):
    """CLEAR, Identity and HOTA of one sequence, or of several: they add up, as the counts do.

    Example:
        >>> import numpy as np
        >>> from .pairing import Frame
        >>> person, track, another = np.array([[0], [0], [1]])
        >>> same = np.ones((1, 1))
        >>> pairing = Pairing.of([Frame(person, track, same), Frame(person, another, same)])
        >>> figures = score(pairing).figures()
        >>> figures["MOTA"], figures["IDF1"], figures["IDs"]
        (50.0, 50.0, 1)
    """

    clear: Clear
    identity: Identity
    hota: Hota

    def figures(self) -> dict[str, float]:
        """Returns all figures under the names of MOTChallenge and TrackEval; shares in percent."""
        shares = {name: 100 * share for name, share in self._shares().items()}
        return shares | self._counts()

    def _shares(self) -> dict[str, float]:
        hota, clear, identity = self.hota, self.clear, self.identity
        return {
            "HOTA": hota.hota,
            "DetA": hota.deta,
            "AssA": hota.assa,
            "DetRe": hota.detre,
            "DetPr": hota.detpr,
            "AssRe": hota.assre,
            "AssPr": hota.asspr,
            "LocA": hota.loca,
            "MOTA": clear.mota,
            "MOTP": clear.motp,
            "Rcll": clear.recall,
            "Prcn": clear.precision,
            "IDF1": identity.idf1,
            "IDR": identity.recall,
            "IDP": identity.precision,
        }

    def _counts(self) -> dict[str, int]:
        clear, identity = self.clear, self.identity
        return {
            "IDs": clear.switches,
            "Frag": clear.fragments,
            "TP": clear.matched,
            "FP": clear.wrong,
            "FN": clear.missed,
            "MT": clear.mostly_tracked,
            "PT": clear.partly_tracked,
            "ML": clear.mostly_lost,
            "GT": clear.mostly_tracked + clear.partly_tracked + clear.mostly_lost,
            "IDTP": identity.matched,
            "IDFP": identity.wrong,
            "IDFN": identity.missed,
        }


def score(pairing: Pairing) -> Scores:
    """Returns all metrics of a sequence."""
    return Scores(clear(pairing), identity(pairing), hota(pairing))
