"""Files on a partner's SFTP server: claimed, read, landed, put away or left where they lie."""

from syncline.sources.sftp_edi.pull import pull
from syncline.sources.sftp_edi.slots import partner_slot

__all__ = ["partner_slot", "pull"]
