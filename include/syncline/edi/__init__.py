"""EDI: bytes of a partner's file to facts and faults. Nothing here raises for what a partner wrote."""

from syncline.edi.documents.x12_846 import reading_of
from syncline.edi.errors import Fault
from syncline.edi.profiles import PROFILES, Profile
from syncline.edi.reading import Reading, read_846

__all__ = ["PROFILES", "Fault", "Profile", "Reading", "read_846", "reading_of"]
