"""Archives and compressed files, known by their first bytes. They are named to the partner and never unpacked:
a few kilobytes can unpack to more than any limit, and what lies in an archive has names and paths of its own."""

from __future__ import annotations

BEGINNINGS = (
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"), (b"\x1f\x9d", "compress"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"),
)  # fmt: skip
TAR_MARK, TAR_MARK_AT = b"ustar", 257  # POSIX.1-1988


def compressed_as(content: bytes) -> str | None:
    """The format of an archive or a compressed file, None for anything else."""
    if content[TAR_MARK_AT : TAR_MARK_AT + len(TAR_MARK)] == TAR_MARK and b"\x00" in content[:TAR_MARK_AT]:
        return "tar"
    return next((name for beginning, name in BEGINNINGS if content.startswith(beginning)), None)
