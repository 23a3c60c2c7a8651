"""`python -m torchpipe` is `torchpipe`."""

import sys

from torchpipe.cli import main

sys.exit(main())
