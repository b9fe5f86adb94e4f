"""Passkeys by authenticators in software: soft-webauthn's, and one of `cryptography` and `fido2` that
verifies its user. Both register, sign in, and are refused what a thief would try.
"""

import base64
import hashlib
import json
import os
import struct

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fido2 import cbor
from soft_webauthn import SoftWebauthnDevice

from people import PASSWORD, Client, People

pytestmark = pytest.mark.stores("sqlite", "postgres")


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(written):
    return base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))


def readable(value):
    """What a browser makes of a credential: `toJSON` of WebAuthn level 3."""
    parts = {name: text(part) for name, part in value["response"].items() if part}
    return {"id": text(value["rawId"]), "rawId": text(value["rawId"]), "type": "public-key",
            "response": parts}


class Authenticator:
    """Verifies its user, and its passkeys may be backed up."""

    def __init__(self, algorithm):
        self.algorithm, self.id, self.counter = algorithm, os.urandom(32), 0
        if algorithm == -7:
            self.key = ec.generate_private_key(ec.SECP256R1())
            numbers = self.key.public_key().public_numbers()
            self.public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"),
                           -3: numbers.y.to_bytes(32, "big")}
        else:
            self.key = ed25519.Ed25519PrivateKey.generate()
            self.public = {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw)}

    def sign(self, message):
        if self.algorithm == -7:
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(message)

    def client_data(self, kind, options, origin):
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin,
                           "crossOrigin": False}).encode()

    def create(self, options, origin):
        self.party, self.handle = options["rp"]["id"], data(options["user"]["id"])
        assert {"type": "public-key", "alg": self.algorithm} in options["pubKeyCredParams"]
        said = (hashlib.sha256(self.party.encode()).digest() + b"\x4d" + struct.pack(">I", 0)
                + bytes(16) + struct.pack(">H", len(self.id)) + self.id
                + cbor.encode(self.public))
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": said})
        return readable({"rawId": self.id, "response": {
            "clientDataJSON": self.client_data("webauthn.create", options, origin),
            "attestationObject": attestation}})

    def get(self, options, origin):
        self.counter += 1
        said = (hashlib.sha256(options["rpId"].encode()).digest() + b"\x0d"
                + struct.pack(">I", self.counter))
        client_data = self.client_data("webauthn.get", options, origin)
        return readable({"rawId": self.id, "response": {
            "clientDataJSON": client_data, "authenticatorData": said, "userHandle": self.handle,
            "signature": self.sign(said + hashlib.sha256(client_data).digest())}})


@pytest.fixture(scope="module")
def people(tmp_path_factory, store):
    running = People(tmp_path_factory.mktemp("people"), store.new_url()).ready()
    yield running
    try:
        running.stop()
    finally:
        running.kill()


def register(client, authenticator, origin=None, **more):
    status, question = client.json("/account/passkeys/register/options", {})
    if status != 200:
        return status, question
    answer = authenticator.create(question["options"], origin or client.origin)
    return client.json("/account/passkeys/register",
                       {"note": question["note"], "name": "key", "credential": answer, **more})


def question(client):
    status, question = client.json("/account/passkeys/sign-in/options", {})
    assert status == 200
    return question


def sign_in(client, authenticator, origin=None):
    asked = question(client)
    answer = authenticator.get(asked["options"], origin or client.origin)
    return client.json("/account/passkeys/sign-in",
                       {"note": asked["note"], "credential": answer, "next": "/me"})


@pytest.mark.parametrize("algorithm", [-7, -8])
def test_a_passkey_is_registered_and_signs_in(people, algorithm):
    client = Client(people)
    user = client.sign_up(f"ann{-algorithm}")
    key = Authenticator(algorithm)
    assert register(client, key) == (200, {})
    _, _, listed = client.ask("GET", "/account/passkeys")
    assert [row["name"] for row in json.loads(listed)["passkeys"]] == ["key"]
    assert register(client, key)[0] in (400, 409), "the same passkey twice"

    fresh = Client(people)
    assert sign_in(fresh, key) == (200, {"user": user, "next": "/me"})
    assert fresh.me() == user
    # A copy of the authenticator that has signed less often.
    key.counter -= 1
    status, refused = sign_in(Client(people), key)
    assert (status, refused["code"]) == (403, "unauthenticated")
    key.counter += 5
    assert sign_in(Client(people), key)[0] == 200

    removed = json.loads(listed)["passkeys"][0]["id"]
    assert client.json("/account/passkeys/remove", {"id": removed}) == (200, {})
    assert sign_in(Client(people), key)[0] == 403
    assert client.me() == user


def test_soft_webauthn_is_refused_because_it_verifies_nobody(people):
    client = Client(people)
    client.sign_up("soft")
    _, asked = client.json("/account/passkeys/register/options", {})
    options = asked["options"]
    device = SoftWebauthnDevice()
    made = device.create({"publicKey": {
        **options, "challenge": data(options["challenge"]), "pubKeyCredParams": [
            {"alg": -7, "type": "public-key"}],
        "user": {**options["user"], "id": data(options["user"]["id"])}}}, client.origin)
    status, refused = client.json("/account/passkeys/register", {
        "note": asked["note"], "name": "soft", "credential": readable(made)})
    assert (status, refused["error"]) == (
        403, "the authenticator did not verify who used it")


def test_an_answer_counts_once_and_only_here(people):
    client = Client(people)
    client.sign_up("bob")
    key = Authenticator(-7)
    assert register(client, key, origin="https://evil.example")[0] == 403
    assert register(client, key) == (200, {})
    assert sign_in(Client(people), key, origin="http://evil.example")[0] == 403

    thief = Client(people)
    asked = question(thief)
    answer = key.get(asked["options"], thief.origin)
    body = {"note": asked["note"], "credential": answer}
    assert thief.json("/account/passkeys/sign-in", body)[0] == 200
    assert Client(people).json("/account/passkeys/sign-in", body)[0] == 403, "a replay"
    # A note of another question, and one that was made elsewhere.
    body = {"note": question(thief)["note"], "credential": key.get(asked["options"], thief.origin)}
    assert thief.json("/account/passkeys/sign-in", body)[0] == 403
    body["note"] = text(os.urandom(73))
    assert thief.json("/account/passkeys/sign-in", body)[0] == 403
    # A registration's question answers no sign-in.
    _, asked = client.json("/account/passkeys/register/options", {})
    answer = key.get({**asked["options"], "rpId": "localhost"}, client.origin)
    assert thief.json("/account/passkeys/sign-in", {
        "note": asked["note"], "credential": answer})[0] == 403


def test_an_answer_that_is_wrong_uses_no_question_up(people):
    client = Client(people)
    user = client.sign_up("dora")
    key = Authenticator(-8)
    assert register(client, key) == (200, {})
    asked = question(client)
    answer = key.get(asked["options"], client.origin)
    forged = {**answer, "response": {**answer["response"], "signature": text(bytes(64))}}
    fresh = Client(people)
    assert fresh.json("/account/passkeys/sign-in",
                      {"note": asked["note"], "credential": forged})[0] == 403
    status, told = fresh.json("/account/passkeys/sign-in",
                              {"note": asked["note"], "credential": answer})
    assert (status, told["user"]) == (200, user)


def test_nobody_adds_a_passkey_to_another_account(people):
    stranger, key = Client(people), Authenticator(-7)
    assert register(stranger, key)[0] == 401
    ann, eve = Client(people), Client(people)
    ann.sign_up("ann-of-two")
    eve.sign_up("eve")
    _, asked = ann.json("/account/passkeys/register/options", {})
    answer = key.create(asked["options"], ann.origin)
    status, _ = eve.json("/account/passkeys/register",
                         {"note": asked["note"], "name": "x", "credential": answer})
    assert status == 403, "a question to ann, answered by eve"
    # A token of ann's is not ann: it changes nothing of her account.
    _, _, token = ann.ask("POST", "/tokens")
    script = Client(people)
    status, _, _ = script.ask("POST", "/account/passkeys/register/options", "{}",
                              Content_Type="application/json",
                              Authorization=f"Bearer {token.decode()}")
    assert status == 401
    assert register(ann, key, password="wrong")[0] == 403
    assert register(ann, key, password=PASSWORD) == (200, {})


def test_garbage_is_refused(people):
    client = Client(people)
    for path in ("register", "sign-in"):
        for body in ({}, {"note": 1, "credential": {}}, {"note": "", "credential": []},
                     {"note": "x", "credential": {"rawId": "AA", "type": "public-key",
                                                  "response": {"clientDataJSON": "!"}}}):
            status, _ = client.json(f"/account/passkeys/{path}", body)
            assert status in (400, 401, 403), (path, body, status)
        status, _, _ = client.ask("POST", f"/account/passkeys/{path}", "[" * 1000,
                                  Content_Type="application/json")
        assert status == 400
