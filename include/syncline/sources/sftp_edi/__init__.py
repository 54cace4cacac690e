"""Files on a partner's SFTP server: claimed, read, landed, archived."""

from syncline.sources.sftp_edi.pull import pull

__all__ = ["pull"]
