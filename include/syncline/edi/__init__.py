"""EDI: bytes of a partner's file to facts and findings. Nothing here raises for what a partner wrote."""

from syncline.edi.findings import Finding
from syncline.edi.profiles import PROFILES, Profile
from syncline.edi.reading import Reading, SetReading, read_file, read_sets, reading_of

__all__ = ["PROFILES", "Finding", "Profile", "Reading", "SetReading", "read_file", "read_sets", "reading_of"]
