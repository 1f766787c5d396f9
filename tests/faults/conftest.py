"""Lets tests import the campaign and what it strikes with, as the script does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
