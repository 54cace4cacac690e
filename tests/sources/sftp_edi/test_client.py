"""The command line's own SFTP connection checks whom it talks to."""

from __future__ import annotations

import asyncssh
import pytest
from loopback_sftp import SftpServer

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerUnavailable
from syncline.sources.sftp_edi.client import open_sftp


def connection(partner: SftpServer, **extra: str) -> Connection:
    known = {"host_key": partner.public_host_key(), "private_key": partner.private_key()}
    return Connection("acme_3pl", "sftp", "127.0.0.1", partner.port, "partner", extra=known | extra)


def other_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def test_the_right_keys_open_the_folder(partner: SftpServer) -> None:
    with open_sftp(connection(partner), 5) as sftp:
        assert sftp.listdir() == ["inbox"]


def test_another_host_key_is_refused(partner: SftpServer) -> None:
    wrong = " ".join(other_key().export_public_key("openssh").decode().split()[:2])
    with pytest.raises(ConfigurationError, match="BadHostKey"), open_sftp(connection(partner, host_key=wrong), 5):
        pass


@pytest.mark.parametrize("host_key", ["", "ssh-ed25519", "ssh-ed25519 !!!", "nonsense AAAA"])
def test_no_host_key_is_no_connection(partner: SftpServer, host_key: str) -> None:
    with pytest.raises(ConfigurationError, match="host_key"), open_sftp(connection(partner, host_key=host_key), 5):
        pass


def test_another_login_is_refused_without_the_key_in_the_message(partner: SftpServer) -> None:
    wrong = other_key().export_private_key("openssh").decode()
    refused = pytest.raises(ConfigurationError, match="login is refused")
    with refused as caught, open_sftp(connection(partner, private_key=wrong), 5):
        pass
    assert wrong[40:80] not in str(caught.value)


def test_an_unreadable_private_key_is_named(partner: SftpServer) -> None:
    with pytest.raises(ConfigurationError, match="private_key"), open_sftp(connection(partner, private_key="x"), 5):
        pass


def test_nobody_listening_is_retryable(partner: SftpServer) -> None:
    nowhere = connection(partner)
    nowhere = Connection(**{name: getattr(nowhere, name) for name in nowhere.__dataclass_fields__} | {"port": 1})
    with pytest.raises(PartnerUnavailable, match="does not answer"), open_sftp(nowhere, 2):
        pass


def test_an_error_inside_the_block_is_not_blamed_on_the_server(partner: SftpServer) -> None:
    with pytest.raises(FileNotFoundError), open_sftp(connection(partner), 5) as sftp:
        sftp.stat("nothing")
