"""Tokens of others, made by PyJWT with keys of `cryptography`: what it signs is taken, and what it
would refuse is refused here, too. And the file of keys, which is read again while the server runs.
"""

import base64
import hashlib
import hmac
import json
import os
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from people import Client, People
from server import wait_until

pytestmark = pytest.mark.stores("sqlite", soak=("memory", "postgres"))
ISSUER, AUDIENCE = "https://id.example", "people"
KEYS = {
    "hs": ("HS256", os.urandom(32)),
    "rs": ("RS256", rsa.generate_private_key(65537, 2048)),
    "ps": ("PS256", rsa.generate_private_key(65537, 3072)),
    "es": ("ES256", ec.generate_private_key(ec.SECP256R1())),
    "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
}


def jwk(name):
    algorithm, key = KEYS[name]
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(
        key if name == "hs" else key.public_key(), as_dict=True)
    return {**made, "kid": name, "alg": algorithm, "use": "sig", "key_ops": ["verify"]}


def write(path, keys):
    """As the guide says: beside, and renamed."""
    beside = path.with_suffix(".new")
    beside.write_text(keys if isinstance(keys, str) else json.dumps({"keys": keys}))
    beside.rename(path)


def claims(**changes):
    now = int(time.time())
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "nbf": now, "exp": now + 60}
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


def token(name, headers=None, **changes):
    algorithm, key = KEYS[name]
    return jwt.encode(claims(**changes), key, algorithm, {"kid": name, **(headers or {})})


@pytest.fixture(scope="module")
def people(tmp_path_factory, store):
    folder = tmp_path_factory.mktemp("people")
    write(folder / "keys.json", [jwk(name) for name in KEYS])
    running = People(folder, store.new_url(), JWKS=str(folder / "keys.json")).ready()
    running.keys = folder / "keys.json"
    yield running
    try:
        running.stop()
    finally:
        running.kill()


def answer(people, text):
    status, fields, body = Client(people).ask("GET", "/me", Authorization=f"Bearer {text}")
    if status == 200:
        return body.decode()
    assert status == 401, (status, body)
    assert fields["WWW-Authenticate"].startswith('Bearer error="invalid_token"'), fields
    assert fields["Cache-Control"] == "no-store"
    return json.loads(body)["code"]


@pytest.mark.parametrize("name", KEYS)
def test_what_pyjwt_signs_is_taken(people, name):
    for _ in range(20):
        # Each with another signature, some with a leading zero in r or s.
        assert answer(people, token(name, sub=f"ann-{os.urandom(4).hex()}")).startswith("ann-")
    same = token(name)
    assert [answer(people, same) for _ in range(3)] == ["ann"] * 3


@pytest.mark.parametrize("name", KEYS)
def test_what_pyjwt_refuses_is_refused(people, name):
    algorithm, key = KEYS[name]
    public = key if name == "hs" else key.public_key()
    now = int(time.time())
    bad = [
        token(name, exp=now - 60), token(name, nbf=now + 600), token(name, iat=now + 600),
        token(name, iss="https://evil.example"), token(name, aud="bank"),
        token(name, aud=["bank", "shop"]), token(name, exp=None), token(name, iss=None),
        token(name, aud=None),
    ]
    good = token(name)
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(
        json.dumps(claims(sub="eve")).encode()).rstrip(b"=").decode()
    bad += [f"{head}.{other}.{signature}", f"{head}.{body}.", good[:-2], good + "AAAA"]
    for text in bad:
        with pytest.raises(jwt.PyJWTError):
            jwt.decode(text, public, [algorithm], audience=AUDIENCE, issuer=ISSUER,
                       options={"require": ["exp", "iss", "aud"]})
        assert answer(people, text) in ("unauthenticated", "token_expired")
    assert answer(people, token(name, exp=now - 60)) == "token_expired"
    assert answer(people, token(name, aud=["bank", AUDIENCE])) == "ann"


def test_no_token_chooses_its_algorithm(people):
    none = jwt.encode(claims(), None, "none", {"kid": "rs"})
    assert answer(people, none) == "unauthenticated"
    pem = KEYS["rs"][1].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    for kid in ("rs", "es", "ed"):
        text = part({"alg": "HS256", "kid": kid}) + "." + part(claims())
        code = hmac.new(pem, text.encode(), hashlib.sha256).digest()
        forged = text + "." + base64.urlsafe_b64encode(code).rstrip(b"=").decode()
        assert answer(people, forged) == "unauthenticated"
    for name in KEYS:
        for kid in KEYS:
            if kid != name:
                assert answer(people, token(name, {"kid": kid})) == "unauthenticated"
    # RS256 by a key for PS256, and the other way round: the same mathematics, another promise.
    for name, wrong in (("rs", "PS256"), ("ps", "RS256")):
        text = jwt.encode(claims(), KEYS[name][1], wrong, {"kid": name})
        assert answer(people, text) == "unauthenticated"


def test_a_request_with_two_tokens_or_a_huge_one_is_refused(people):
    assert answer(people, "a" * 9_000) == "unauthenticated"
    assert Client(people).me(Authorization="Basic YTpi") == "nobody"
    assert Client(people).me() == "nobody"


def test_a_token_of_our_own_is_told_from_one_of_others(people):
    status, _, body = Client(people).ask(
        "POST", "/tokens", Authorization=f"Bearer {token('rs', sub='tom')}")
    assert status == 200 and body.startswith(b"mizu_")
    text = body.decode()
    assert answer(people, text) == "tom"
    assert answer(people, text[:-1] + ("A" if text[-1] != "A" else "B")) == "unauthenticated"
    assert text not in people.errors


def test_the_file_is_read_again_and_a_bad_one_keeps_the_old_keys(people):
    old, fresh = token("hs"), os.urandom(32)
    assert answer(people, old) == "ann"
    lines = len(people.error_lines)
    write(people.keys, "{")
    wait_until(lambda: "the old keys stay in use" in people.errors, what="a line in the log")
    assert answer(people, old) == "ann"
    assert len(people.error_lines) == lines + 1

    secret = base64.urlsafe_b64encode(fresh).rstrip(b"=").decode()
    write(people.keys, [{"kty": "oct", "kid": "new", "k": secret}])
    made = jwt.encode(claims(), fresh, "HS256", {"kid": "new"})
    wait_until(lambda: answer(people, made) == "ann", what="the new key")
    assert answer(people, old) == "unauthenticated"
    assert "ann" not in people.errors and secret not in people.errors
