# SPDX-License-Identifier: MIT OR Apache-2.0
"""Answers the questions of peers.rs with packages that others wrote.

Reads a JSON list of questions from stdin, writes a JSON list of answers to stdout. Bytes are hex.
"""

import json
import sys

import psec
import pydukpt
import pyemv.ac
import pyemv.kd
import pyemv.tlv
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hmac import HMAC
from hpke import Suite__DHKEM_P256_HKDF_SHA256__HKDF_SHA256__AES_256_GCM as Suite

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

CONTEXT = b"payhal card read to gateway"
DOMAIN = b"payhal sealed card"


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


def seal(sender, recipient, version, names, encapsulated, ciphertext):
    """Opens ours, and seals the same again."""
    own, to = (ec.derive_private_key(int(key, 16), ec.SECP256R1()) for key in (sender, recipient))
    aad = associated(version, *names)
    encapsulated, ciphertext = bytes.fromhex(encapsulated), bytes.fromhex(ciphertext)
    clear = Suite.open_auth(encapsulated, to, own.public_key(), CONTEXT, aad, ciphertext)
    encapsulated, ciphertext = Suite.seal_auth(to.public_key(), own, CONTEXT, aad, clear)
    return {"encapsulated": encapsulated.hex(), "ciphertext": ciphertext.hex()}


ASKED = {
    "tdes_dukpt": tdes_dukpt,
    "pin_blocks": pin_blocks,
    "macs": macs,
    "chained": chained,
    "data_objects": data_objects,
    "cryptogram": cryptogram,
    "seal": seal,
}

questions = json.load(sys.stdin)
json.dump([ASKED[name](**given) for name, given in questions], sys.stdout)
