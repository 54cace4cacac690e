"""Close loads: documents, facts, cursor and file states in one transaction."""

from syncline.landing.copy_text import fact_id
from syncline.landing.land import land
from syncline.landing.model import Document, Fact, FileChange, Load, LoadResult, Trouble, document_id, fault

__all__ = [
    "Document",
    "Fact",
    "FileChange",
    "Load",
    "LoadResult",
    "Trouble",
    "document_id",
    "fact_id",
    "fault",
    "land",
]
