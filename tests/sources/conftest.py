"""Lets the tests below import the loopback servers that stand beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("wms_api", "sftp_edi")]
