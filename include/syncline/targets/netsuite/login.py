"""OAuth 2.0 client credentials with a signed assertion: "The Request Token Structure" (Oracle, section_162790605110).

The client signs a JWT with the private key whose certificate NetSuite maps to a role; there is no client secret.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from syncline.errors import ConfigurationError
from syncline.targets.oauth import OAuth2

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncline.targets.http import TargetHttp

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_S = 300  # the vendor allows less than 60 minutes
RSA_BITS_MIN = 3072  # "OAuth 2.0 Client Credentials Setup": 3072 or 4096
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey


def private_key(target: str, pem: str) -> tuple[PrivateKey, str]:
    """The key and the algorithm that goes with it: PS256 for RSA, ES256 to ES512 by curve.

    Raises:
        ConfigurationError: it is no unencrypted PEM, or of a kind that NetSuite does not take.
    """
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):  # TypeError: it asks for a passphrase
        key = None
    if isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS_MIN:
        return key, "PS256"
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key, CURVES[key.curve.name]
    raise ConfigurationError(
        f"Target {target}: the password of the connection is no private key that NetSuite takes.",
        next_step=f"Put an unencrypted PEM there: RSA of {RSA_BITS_MIN} bits or more, or EC P-256, P-384, P-521.",
        target=target,
    )


def signed_login(
    http: TargetHttp,
    base_url: str,
    client_id: str,
    certificate_id: str,
    key: tuple[PrivateKey, str],
    now_s: Callable[[], float] = time.time,
) -> OAuth2:
    """Tokens of one integration. ``base_url``: the account's own, which the assertion names as its audience."""
    private, algorithm = key

    def form() -> dict[str, str]:
        issued_s = int(now_s())
        claims = {
            "iss": client_id, "scope": "rest_webservices", "aud": base_url.rstrip("/") + TOKEN_PATH,
            "iat": issued_s, "exp": issued_s + ASSERTION_LIFE_S,
        }  # fmt: skip
        assertion = jwt.encode(claims, private, algorithm=algorithm, headers={"kid": certificate_id})
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }

    return OAuth2(http, TOKEN_PATH, form)
