"""What a KMS key must do here as on AWS: refuse a ciphertext that is not what it made.

The emulator encrypts without integrity: a flipped bit decrypts to something else. Here an HMAC over the whole ciphertext, with the key's own
material, stands behind it. The context is in the ciphertext already, as a hash. Keys and aliases are in the snapshots; one must follow the deploy.
"""

import base64
import hashlib
import hmac
import json

from patching import original, wrap

TAG_BYTES = 32


def _sealed_by(material, ciphertext):
    return hmac.new(material, b"holdfast\0" + ciphertext, hashlib.sha256).digest()


def authenticated(kms):
    original(kms, "_resolve_key")
    original(kms, "error_response_json")

    def refuse():
        return kms.error_response_json("InvalidCiphertextException", "", 400)

    def encrypting(encrypt):
        def encrypted(data):
            response = encrypt(data)
            if response[0] != 200:
                return response
            answer = json.loads(response[2])
            record = kms._resolve_key(answer["KeyId"])
            if "_symmetric_key" not in record:
                return response
            ciphertext = base64.b64decode(answer["CiphertextBlob"])
            answer["CiphertextBlob"] = base64.b64encode(ciphertext + _sealed_by(record["_symmetric_key"], ciphertext)).decode()
            return kms.json_response(answer)
        return encrypted

    def generating(generate):
        def generated(data, *arguments):
            record, data_key, ciphertext = generate(data, *arguments)
            return record, data_key, ciphertext if record is None else ciphertext + _sealed_by(record["_symmetric_key"], ciphertext)
        return generated

    def decrypting(decrypt):
        def decrypted(data):
            blob = base64.b64decode(data.get("CiphertextBlob", ""))
            maker = kms._resolve_key(blob[:36].decode("utf-8", errors="replace")) if len(blob) > 84 + TAG_BYTES else None
            if maker is None or "_symmetric_key" not in maker:
                named = kms._resolve_key(data["KeyId"]) if data.get("KeyId") else None
                return refuse() if named is not None and "_symmetric_key" in named else decrypt(data)
            ciphertext, tag = blob[:-TAG_BYTES], blob[-TAG_BYTES:]
            if not hmac.compare_digest(_sealed_by(maker["_symmetric_key"], ciphertext), tag):
                return refuse()
            named = kms._resolve_key(data["KeyId"]) if data.get("KeyId") else maker
            if named is not None and named["KeyId"] != maker["KeyId"]:
                return kms.error_response_json("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.", 400)
            return decrypt({**data, "CiphertextBlob": base64.b64encode(ciphertext).decode()})
        return decrypted

    original(kms, "json_response")
    layout = "# Layout: key_id(36) + ctx_hash(32) + nonce(16) + xor_encrypted_data."
    wrap(kms, "_encrypt", encrypting, relies_on=[layout, '"CiphertextBlob": base64.b64encode(ciphertext).decode()'])
    wrap(kms, "_generate_data_key_common", generating, relies_on=[layout, "return rec, data_key, ciphertext"])
    wrap(kms, "_decrypt", decrypting, relies_on=[layout, "embedded_id = ciphertext[:36]", "EncryptionContext does not match"])


def no_key_pairs(kms):
    """Their private keys are sealed by a third function, which is not corrected: refused rather than given a ciphertext that does not decrypt."""

    def refusing(_generate):
        return lambda _data: kms.error_response_json("UnsupportedOperationException", "Key pairs are not part of Holdfast's local engine.", 400)

    for name in ("_generate_data_key_pair", "_generate_data_key_pair_without_plaintext"):
        wrap(kms, name, refusing, relies_on=["_generate_data_key_pair_common("])


def apply(kms):
    authenticated(kms)
    no_key_pairs(kms)
