"""`python -m helpers.evaluation`: measure weights on a folder of photos."""

import sys

from .folder import main

sys.exit(main())
