"""An external key store proxy: AES-256 keys of its own behind the XKS proxy API, over TLS, for requests that are
signed with a credential that it gave out.

https://github.com/aws/aws-kms-xksproxy-api-spec/blob/main/spec/xks_proxy_api_spec.md
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import ipaddress
import json
import os
import re
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

API = "/kms/xks/v1"
SERVICE = "kms-xks-proxy"
STATUS = {
    "ValidationException": 400,
    "InvalidStateException": 400,
    "InvalidCiphertextException": 400,
    "InvalidKeyUsageException": 400,
    "AuthenticationFailedException": 401,
    "AccessDeniedException": 403,
    "KeyNotFoundException": 404,
    "InvalidUriPathException": 404,
    "ThrottlingException": 429,
    "InternalException": 500,
    "UnsupportedOperationException": 501,
    "DependencyTimeoutException": 503,
}


class Refused(Exception):
    """An error of the specification."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class Credential:
    """What the proxy gave to a KMS to sign with."""

    access_key_id: str
    secret: str

    @staticmethod
    def new() -> Credential:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        name = "".join(alphabet[byte % 32] for byte in os.urandom(20))
        return Credential(name, base64.b64encode(os.urandom(36)).decode())

    def parameter(self) -> dict[str, str]:
        return {"AccessKeyId": self.access_key_id, "RawSecretAccessKey": self.secret}


@dataclass
class ExternalKey:
    """A key of the manager behind the proxy."""

    material: bytes = field(default_factory=lambda: os.urandom(32))
    spec: str = "AES_256"
    usage: list[str] = field(default_factory=lambda: ["ENCRYPT", "DECRYPT"])
    status: str = "ENABLED"


class Tenant:
    """Keys under a path of their own, with credentials of their own."""

    def __init__(self, prefix: str) -> None:
        self.path = prefix + API
        self.credential = Credential.new()
        self.keys: dict[str, ExternalKey] = {}
        self.managers = ["ACTIVE"]
        # How an operation (health, metadata, encrypt, decrypt) fails, if it does: a name of the specification, or
        # "garbage", "silence", "lie".
        self.faults: dict[str, str] = {}
        self.asked: list[tuple[str, dict]] = []

    def key(self, name: str, **what: object) -> str:
        self.keys[name] = ExternalKey(**what)
        return name

    def open(self, blob: dict[str, bytes], key: str, aad: bytes) -> bytes:
        return AESGCM(self.keys[key].material).decrypt(blob["iv"], blob["ciphertext"] + blob["tag"], aad)

    # --- the operations

    def answer(self, operation: str, key: str | None, request: dict) -> dict:
        if operation == "health":
            details = [{"id": f"m{n}", "model": "test", "healthStatus": how} for n, how in enumerate(self.managers)]
            return {
                "xksProxyFleetSize": 1,
                "xksProxyVendor": "test",
                "xksProxyModel": "test",
                "ekmVendor": "test",
                "ekmFleetDetails": details,
            }
        if key not in self.keys:
            raise Refused("KeyNotFoundException")
        held = self.keys[key]
        if operation == "metadata":
            return {"keySpec": held.spec, "keyUsage": held.usage, "keyStatus": held.status}
        if held.status != "ENABLED":
            raise Refused("InvalidStateException")
        aad = base64.b64decode(request.get("additionalAuthenticatedData", ""))
        if request["encryptionAlgorithm"] != "AES_GCM":
            raise Refused("ValidationException")
        if operation == "encrypt":
            return self._encrypt(held, request, aad)
        return self._decrypt(held, request, aad)

    def _encrypt(self, held: ExternalKey, request: dict, aad: bytes) -> dict:
        if request["ciphertextDataIntegrityValueAlgorithm"] != "SHA_256":
            raise Refused("ValidationException")
        iv, metadata = os.urandom(12), b"version=1"
        sealed = AESGCM(held.material).encrypt(iv, base64.b64decode(request["plaintext"]), aad)
        ciphertext, tag = sealed[:-16], sealed[-16:]
        integrity = hashlib.sha256(aad + metadata + iv + ciphertext + tag).digest()
        if self.faults.get("encrypt") == "lie":
            integrity = bytes(32)
        encode = lambda data: base64.b64encode(data).decode()  # noqa: E731
        return {
            "ciphertext": encode(ciphertext),
            "ciphertextMetadata": encode(metadata),
            "initializationVector": encode(iv),
            "authenticationTag": encode(tag),
            "ciphertextDataIntegrityValue": encode(integrity),
        }

    def _decrypt(self, held: ExternalKey, request: dict, aad: bytes) -> dict:
        decode = lambda name: base64.b64decode(request[name])  # noqa: E731
        if decode("ciphertextMetadata") != b"version=1":
            raise Refused("InvalidCiphertextException")
        sealed = decode("ciphertext") + decode("authenticationTag")
        try:
            plaintext = AESGCM(held.material).decrypt(decode("initializationVector"), sealed, aad)
        except InvalidTag:
            raise Refused("InvalidCiphertextException") from None
        return {"plaintext": base64.b64encode(plaintext).decode()}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or does not trust the certificate, is no error of the proxy."""


class Proxy:
    """The proxy: it can be stopped, and started again at the same address."""

    def __init__(self, folder: Path, region: str) -> None:
        self.folder, self.region = folder, region
        self.tenants: dict[str, Tenant] = {}
        self.released = threading.Event()
        self.port = 0
        self.server: ThreadingHTTPServer | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        make_certificates(folder)

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def tenant(self, name: str) -> Tenant:
        tenant = Tenant(f"/{name}")
        self.tenants[tenant.path] = tenant
        return tenant

    def start(self, certificate: str = "proxy") -> Proxy:
        self.released.clear()
        server = Server(("127.0.0.1", self.port), handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        self.server = server
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self.released.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            try:
                tenant, operation, key = self.route()
                authenticate(proxy.region, tenant.credential, self.path, self.headers, body)
                request = json.loads(body)
                tenant.asked.append((operation, request))
                fault = tenant.faults.get(operation)
                if fault == "silence":
                    proxy.released.wait()
                    return
                if fault == "garbage":
                    return self.reply(200, b"<html>")
                if fault in STATUS:
                    raise Refused(fault)
                self.reply(200, json.dumps(tenant.answer(operation, key, request)).encode())
            except Refused as refused:
                error = {"errorName": refused.name, "errorMessage": "as the test asked for"}
                self.reply(STATUS[refused.name], json.dumps(error).encode())

        def route(self) -> tuple[Tenant, str, str | None]:
            prefix, api, rest = self.path.partition(API)
            tenant = proxy.tenants.get(prefix + api)
            match = re.fullmatch(r"/(?:(health)|keys/([^/]+)/(metadata|encrypt|decrypt))", rest)
            if not tenant or not match:
                raise Refused("InvalidUriPathException")
            return tenant, match[1] or match[3], match[2]

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def authenticate(region: str, credential: Credential, path: str, headers, body: bytes) -> None:
    """Refuses what is not signed with this credential, for this service and Region, and now."""
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+?)/(\S+?)/aws4_request, SignedHeaders=(\S+), "
        r"Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not match:
        raise Refused("AuthenticationFailedException")
    access_key, day, scope_region, service, names, signature = match.groups()
    signed, date = names.split(";"), headers.get("x-amz-date", "")
    moment = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    late = abs(datetime.datetime.now(datetime.timezone.utc) - moment) > datetime.timedelta(minutes=5)
    if (access_key, scope_region, service) != (credential.access_key_id, region, SERVICE) or late:
        raise Refused("AuthenticationFailedException")
    if not {"host", "x-amz-date"} <= set(signed) or not date.startswith(day):
        raise Refused("AuthenticationFailedException")
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed]
    canonical = "\n".join(["POST", path, "", "".join(lines), names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + credential.secret.encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    expected = hmac.new(key, f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}".encode(), "sha256").hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise Refused("AuthenticationFailedException")


def make_certificates(folder: Path) -> None:
    """An authority with a certificate for this machine (proxy), and one that nobody trusts (stranger)."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    for authority, leaf in (("ca", "proxy"), ("other-ca", "stranger")):
        signing, serving = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = builder(authority, authority, signing)
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        root = root.sign(signing, hashes.SHA256())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = builder(leaf, authority, serving).add_extension(address, critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.sign(signing, hashes.SHA256())
        (folder / f"{authority}.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (folder / f"{leaf}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{leaf}.key").write_bytes(
            serving.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
