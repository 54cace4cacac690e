"""The first loop of a shape: what in it steers the reading, what varies, and where that turns up in its facts."""

from __future__ import annotations
