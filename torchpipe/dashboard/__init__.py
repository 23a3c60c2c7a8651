"""The live page: a running pipeline in a browser, to look at and to steer.

Reading order: drawing (the graph as JSON), snapshot (the figures as JSON), board (who runs the
pipeline and who looks), tail (the log), picture, seen, outputs (what a cell gives, on demand),
recorder (traces), history (the last minutes), watch (two moments a second, while somebody looks),
guard (who may), server (the routes), show (all of it behind a port). `web/` is the page's source;
`static/` is built from it.
"""

from torchpipe.dashboard.server import app
from torchpipe.dashboard.show import Page, show

__all__ = ["Page", "app", "show"]
