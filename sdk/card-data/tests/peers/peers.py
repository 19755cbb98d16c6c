# SPDX-License-Identifier: MIT OR Apache-2.0
"""Answers the questions of peers.rs with packages that others wrote.

Reads a JSON list of questions from stdin, writes a JSON list of answers to stdout. Bytes are hex.
"""

import datetime
import json
import sys

import psec
import pydukpt
import pyemv.ac
import pyemv.kd
import pyemv.tlv
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hpke import Suite__DHKEM_P256_HKDF_SHA256__HKDF_SHA256__AES_256_GCM as Suite

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

CONTEXT = b"payhal card read to gateway"
DOMAIN = b"payhal sealed card"
KEY_USES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
    "key_cert_sign crl_sign encipher_only decipher_only"
).split()
PIN_KEY = b"payhal pin key"
PAN_FIELD, PIN_FIELD = 8, 11


def tdes_dukpt(bdk, ksn):
    bdk, ksn = bytes.fromhex(bdk), bytes.fromhex(ksn)
    initial = pydukpt.derive_ipek(bdk, ksn)
    key = pydukpt.derive_key(initial, ksn)
    try:
        following = pydukpt.next_ksn(ksn).hex()
    except pydukpt.KSNExhaustedError:
        following = ""
    return {
        "initial": initial.hex(),
        "key": key.hex(),
        "pin": pydukpt.pin_key(key).hex(),
        "mac_request": pydukpt.mac_request_key(key).hex(),
        "mac_response": pydukpt.mac_response_key(key).hex(),
        "data_request": pydukpt.data_request_key(key).hex(),
        "data_response": pydukpt.data_response_key(key).hex(),
        "next": following,
    }


def pin_blocks(tdes, aes, pin, pan, block3, block4):
    """Blocks of theirs, and what they find in ours."""
    tdes, aes = bytes.fromhex(tdes), bytes.fromhex(aes)
    ours = psec.des.decrypt_tdes_ecb(tdes, bytes.fromhex(block3))
    theirs = psec.pinblock.encode_pinblock_iso_3(pin, pan)
    return {
        "format0": psec.des.encrypt_tdes_ecb(tdes, psec.pinblock.encode_pinblock_iso_0(pin, pan)).hex(),
        "format3": psec.des.encrypt_tdes_ecb(tdes, theirs).hex(),
        "format4": psec.pinblock.encipher_pinblock_iso_4(aes, pin, pan).hex(),
        "pin3": psec.pinblock.decode_pinblock_iso_3(ours, pan),
        "pin4": psec.pinblock.decipher_pinblock_iso_4(aes, bytes.fromhex(block4), pan),
    }


def macs(tdes, aes, message):
    tdes, aes, message = (bytes.fromhex(text) for text in (tdes, aes, message))
    tdes_mac, aes_mac, hmac = CMAC(TripleDES(tdes)), CMAC(AES(aes)), HMAC(aes, hashes.SHA256())
    for mac in (tdes_mac, aes_mac, hmac):
        mac.update(message)
    return {
        "retail": psec.mac.generate_retail_mac(tdes[:8], tdes[8:16], message, 1).hex(),
        "tdes_cmac": tdes_mac.finalize().hex(),
        "aes_cmac": aes_mac.finalize().hex(),
        "hmac": hmac.finalize().hex(),
    }


def chained(tdes, aes, iv, clear):
    tdes, aes, iv, clear = (bytes.fromhex(text) for text in (tdes, aes, iv, clear))
    tdes_of, aes_of = psec.des.encrypt_tdes_cbc, psec.aes.encrypt_aes_cbc
    return {
        "tdes_zeros": tdes_of(tdes, iv[:8], psec.mac.pad_iso_1(clear, 8)).hex(),
        "tdes_bit": tdes_of(tdes, iv[:8], psec.mac.pad_iso_2(clear, 8)).hex(),
        "aes_zeros": aes_of(aes, iv, psec.mac.pad_iso_1(clear, 16)).hex(),
        "aes_bit": aes_of(aes, iv, psec.mac.pad_iso_2(clear, 16)).hex(),
    }


def data_objects(encoded):
    """What is read, and the same written again."""
    read = pyemv.tlv.decode(bytes.fromhex(encoded))
    flat = pyemv.tlv.decode(bytes.fromhex(encoded), flatten=True)
    return {
        "again": pyemv.tlv.encode(read).hex(),
        "flat": {tag: value.hex() for tag, value in flat.items()},
    }


def cryptogram(issuer, pan, sequence, atc, message, code, update):
    issuer, atc, message, code, update = (bytes.fromhex(text) for text in (issuer, atc, message, code, update))
    card = pyemv.kd.derive_icc_mk_a(issuer, pan, sequence)
    session = pyemv.kd.derive_common_sk(card, atc + bytes(6))
    arqc = pyemv.ac.generate_ac(session, message)
    return {
        "arqc": arqc.hex(),
        "method_1": pyemv.ac.generate_arpc_1(session, arqc, code).hex(),
        "method_2": pyemv.ac.generate_arpc_2(session, arqc, update, code).hex(),
    }


def associated(version, *names):
    """Each field behind its length in two bytes."""
    fields = [DOMAIN, bytes([version]), *(name.encode() for name in names)]
    return b"".join(len(field).to_bytes(2, "big") + field for field in fields)


def fields_of(record):
    """Tag, length, value; zeros behind."""
    fields = {}
    while record and record[0]:
        tag, length = record[:2]
        fields[tag], record = record[2 : 2 + length], record[2 + length :]
    assert not any(record)
    return fields


def seal(sender, recipient, version, names, encapsulated, ciphertext):
    """Opens ours with its PIN, and seals the same again with a PIN block of theirs."""
    own, to = (ec.derive_private_key(int(key, 16), ec.SECP256R1()) for key in (sender, recipient))
    aad = associated(version, *names)
    encapsulated, ciphertext = bytes.fromhex(encapsulated), bytes.fromhex(ciphertext)
    context = Suite.setup_auth_recv(encapsulated, to, CONTEXT, own.public_key())
    clear = context.aead.open(aad, ciphertext)
    fields = fields_of(clear)
    pan = fields[PAN_FIELD].decode()
    assert fields[PIN_FIELD][0] == 4
    block = fields[PIN_FIELD][1:]
    pin = psec.pinblock.decipher_pinblock_iso_4(context.export(PIN_KEY, 32), block, pan)
    encapsulated, context = Suite.setup_auth_send(to.public_key(), CONTEXT, own)
    theirs = psec.pinblock.encipher_pinblock_iso_4(context.export(PIN_KEY, 32), pin, pan)
    ciphertext = context.aead.seal(aad, clear.replace(block, theirs))
    return {"encapsulated": encapsulated.hex(), "ciphertext": ciphertext.hex(), "pin": pin}


def certificate(leaf, anchor, key, from_, until):
    """What it makes of ours, and one of its own for the same key."""
    leaf, anchor = (x509.load_der_x509_certificate(bytes.fromhex(der)) for der in (leaf, anchor))
    leaf.verify_directly_issued_by(anchor)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    own = ec.generate_private_key(ec.SECP256R1())
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(key))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of others")])
    times = [datetime.datetime.fromtimestamp(at, datetime.timezone.utc) for at in (from_, until)]

    def issued(to, subject, is_authority):
        uses = dict.fromkeys(KEY_USES, False)
        uses["key_cert_sign" if is_authority else "key_agreement"] = True
        return (
            x509.CertificateBuilder(name, subject, to, x509.random_serial_number(), *times)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(**uses), critical=True)
            .sign(own, hashes.SHA256())
            .public_bytes(Encoding.DER)
            .hex()
        )

    return {
        "subject": leaf.subject.rfc4514_string(),
        "is_authority": basic.ca,
        "key_agreement": usage.key_agreement,
        "digital_signature": usage.digital_signature,
        "from": int(leaf.not_valid_before_utc.timestamp()),
        "until": int(leaf.not_valid_after_utc.timestamp()),
        "key": leaf.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex(),
        "anchor": issued(own.public_key(), name, True),
        "leaf": issued(key, x509.Name([]), False),
    }


ASKED = {
    "tdes_dukpt": tdes_dukpt,
    "pin_blocks": pin_blocks,
    "macs": macs,
    "chained": chained,
    "data_objects": data_objects,
    "cryptogram": cryptogram,
    "seal": seal,
    "certificate": certificate,
}

questions = json.load(sys.stdin)
json.dump([ASKED[name](**given) for name, given in questions], sys.stdout)
