"""Many requests at once over many connections: every one is answered, with its own answer, whatever else goes on beside it.

Everything is sent from one thread before anything is read, so that kmsd finds many connections ready at the same time, and
has answers to put off until their peer can be told of several.
"""

import json
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from botocore.credentials import Credentials  # noqa: E402
from daemon import Daemon  # noqa: E402
from kms import Kms, b64  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import JSON, sign  # noqa: E402

CONNECTIONS = 64
EACH = 4  # requests on each of them, one behind the other
ROUNDS = 4
STOPS = 8
REGION = "us-east-1"
OTHER = Credentials("test", "not the secret")

folder = tempfile.TemporaryDirectory()
rng = random.Random(7)


class Site:
    """A daemon, a key of each sort, and signed requests to it."""

    def __init__(self, **limits):
        path = os.path.join(folder.name, "config.json")
        with open(path, "w") as file:
            json.dump({"limits": limits}, file)
        self.daemon = Daemon(["dev", "--config", path])
        self.parts = urllib.parse.urlsplit(self.daemon.url)
        kms = Kms(self.daemon.url)
        self.key = kms.call("CreateKey")["KeyMetadata"]["KeyId"]
        self.signing = kms.call("CreateKey", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        self.public = kms.call("GetPublicKey", KeyId=self.signing)["PublicKey"]
        self.kms = kms

    def connect(self):
        connection = socket.create_connection((self.parts.hostname, self.parts.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, operation, body, credentials=Credentials("test", "test")):
        """The bytes of a signed request; body is a dictionary or raw bytes."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = sign("/", {"Content-Type": JSON, "X-Amz-Target": "TrentService." + operation}, body,
                       credentials=credentials, region=REGION, endpoint=self.daemon.url)
        headers = {name: value if isinstance(value, str) else value.decode() for name, value in headers.items()}
        headers.update({"Host": self.parts.netloc, "Content-Length": str(len(body))})
        return "".join(["POST / HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n"]).encode() + body


class Answers:
    """What comes over one connection, answer by answer."""

    def __init__(self, connection):
        self.connection, self.received, self.ended = connection, b"", False

    def more(self):
        try:
            data = self.connection.recv(65536)
        except ConnectionError:
            data = b""
        self.ended = not data
        self.received += data

    def next(self):
        """Status, headers (lower case), body; None at the end. Half an answer is a failure."""
        while b"\r\n\r\n" not in self.received and not self.ended:
            self.more()
        if not self.received and self.ended:
            return None
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        length = int(headers["content-length"])
        while len(self.received) < length and not self.ended:
            self.more()
        assert len(self.received) >= length, ("cut off", head, self.received)
        body, self.received = self.received[:length], self.received[length:]
        return int(line.split()[1]), headers, body


def says_close(answer):
    return answer[1].get("connection", "").lower() == "close"


class Case:
    """A request and what its answer must be. closes: none is answered after it. silent: nor need it be itself."""

    def __init__(self, data, judge, closes=False, silent=False):
        self.data, self.judge, self.closes, self.silent = data, judge, closes, silent


seen_ids = set()


def judge_id(headers):
    assert headers["x-amzn-requestid"] not in seen_ids, "an id that another answer had"
    seen_ids.add(headers["x-amzn-requestid"])


def succeeds(judge):
    def judge_whole(status, headers, body):
        judge_id(headers)
        assert status == 200, (status, body)
        judge(json.loads(body))
    return judge_whole


def fails(code, status=400):
    def judge_whole(said, headers, body):
        judge_id(headers)
        assert (said, json.loads(body)["__type"]) == (status, code), (said, body)
    return judge_whole


def encrypt(site, text):
    """Its ciphertext is decrypted in time; `encrypted` has what is still to be."""
    return Case(site.request("Encrypt", {"KeyId": site.key, "Plaintext": b64(text), "EncryptionContext": {"of": text.decode()}}),
                succeeds(lambda answer: encrypted.append((text, answer["CiphertextBlob"]))))


def decrypt(site, text, sealed):
    def judge(answer):
        assert answer["Plaintext"] == b64(text), (answer, text)
    return Case(site.request("Decrypt", {"CiphertextBlob": sealed, "EncryptionContext": {"of": text.decode()}}), succeeds(judge))


def rsa_sign(site, text):
    """PKCS #1 v1.5 makes the same signature each time: `signatures` says whose it is."""
    def judge(answer):
        assert signatures.setdefault(text, answer["Signature"]) == answer["Signature"]
    return Case(site.request("Sign", {"KeyId": site.signing, "Message": b64(text), "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}),
                succeeds(judge))


def describe(site, text):
    """A write, which answers with nothing."""
    def judge(status, headers, body):
        judge_id(headers)
        assert (status, body) == (200, b""), (status, body)
    return Case(site.request("UpdateKeyDescription", {"KeyId": site.key, "Description": text.decode()}), judge)


def malformed(site, which):
    def health(status, headers, body):
        assert (status, body) == (200, b"ok\n"), (status, body)

    def nonsense(status, headers, body):
        assert status == 400, (status, body)

    return [
        lambda: Case(site.request("Encrypt", b'{"KeyId": '), fails("SerializationException")),
        lambda: Case(site.request("Encrypt", {"KeyId": site.key}), fails("ValidationException")),
        lambda: Case(site.request("Frobnicate", {}), fails("UnknownOperationException")),
        lambda: Case(site.request("Encrypt", {"KeyId": site.key, "Plaintext": b64(b"x")}, OTHER), fails("InvalidSignatureException")),
        lambda: Case(site.request("Decrypt", {"CiphertextBlob": b64(b"no ciphertext")}), fails("InvalidCiphertextException")),
        lambda: Case(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", health),
        lambda: Case(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", fails("UnknownOperationException")),
        lambda: Case(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", fails("SerializationException"), True),
        lambda: Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 nonsense\r\n\r\n", nonsense, True, True),  # libmicrohttpd 1.0 just closes
    ][which % 9]()


def send_all(connections, cases):
    """Round about: the first request of each connection, then the second of each, ..."""
    for step in range(max(map(len, cases))):
        for connection, own in zip(connections, cases):
            if step < len(own):
                connection.sendall(own[step].data)


def judge_all(connections, cases):
    for connection, own in zip(connections, cases):
        answers = Answers(connection)
        for case in own:
            answer = answers.next()
            if answer is None and case.silent:
                break
            assert answer is not None, ("closed instead of answered", case.data[:300])
            case.judge(*answer)
            assert says_close(answer) == case.closes, answer
            if case.closes:
                break
        if any(case.closes for case in own):
            assert answers.next() is None, "answered after it said that it closes"
        else:
            assert not answers.received, answers.received


def decrypt_all(site, connections):
    """What was encrypted is what was sent: looked at the same way."""
    pairs = list(encrypted)
    encrypted.clear()
    assert len(set(text for text, _ in pairs)) == len(pairs)
    cases = [[decrypt(site, *pair) for pair in pairs[i::len(connections)]] for i in range(len(connections))]
    send_all(connections, cases)
    judge_all(connections, cases)
    return len(pairs)


encrypted, signatures = [], {}


def hang_up(connection, with_a_reset):
    if with_a_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_crowd(site, name):
    with check(f"{name}: every request gets its own answer"):
        connections = [site.connect() for _ in range(CONNECTIONS)]
        decrypted = 0
        for turn in range(ROUNDS):
            cases = [[encrypt(site, f"{name} {turn} {i} {k}".encode()) for k in range(EACH)] for i in range(CONNECTIONS)]
            send_all(connections, cases)
            judge_all(connections, cases)
            decrypted += decrypt_all(site, connections)
        assert decrypted == ROUNDS * CONNECTIONS * EACH, decrypted
    with check(f"{name}: also when each sends all of his at a time"):
        cases = [[encrypt(site, f"{name} together {i} {k}".encode()) for k in range(EACH)] for i in range(CONNECTIONS)]
        for connection, own in zip(connections, cases):
            connection.sendall(b"".join(case.data for case in own))
        judge_all(connections, cases)
        assert decrypt_all(site, connections) == CONNECTIONS * EACH
    with check(f"{name}: also among signatures, writes and what is malformed"):
        signatures.clear()
        for turn in range(ROUNDS):
            cases = []
            for i in range(CONNECTIONS):
                own = [encrypt(site, f"{name} mixed {turn} {i}".encode()), rsa_sign(site, f"{name} {i}".encode()),
                       describe(site, f"{name} {turn} {i}".encode()), malformed(site, i + turn)]
                rng.shuffle(own)
                own.sort(key=lambda case: case.closes)
                cases.append(own)
            send_all(connections, cases)
            judge_all(connections, cases)
            for i, own in enumerate(cases):
                if own[-1].closes:
                    connections[i].close()
                    connections[i] = site.connect()
            assert decrypt_all(site, connections) == CONNECTIONS
        assert len(set(signatures.values())) == CONNECTIONS
    with check(f"{name}: a signature is of its own message"):
        for text, signature in signatures.items():
            assert site.kms.call("Verify", KeyId=site.signing, Message=b64(text), Signature=signature,
                                 SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["SignatureValid"]
    for connection in connections:
        connection.close()


def test_hanging_up(site, name):
    with check(f"{name}: those who hang up right after sending disturb nobody"):
        for turn in range(ROUNDS * 2):
            connections = [site.connect() for _ in range(CONNECTIONS)]
            cases = [[rsa_sign(site, f"{name} gone {i}".encode()) if (i // 2 + k + turn) % 4 == 0 else
                      encrypt(site, f"{name} gone {turn} {i} {k}".encode()) for k in range(2)] for i in range(CONNECTIONS)]
            for i, connection in enumerate(connections):
                connection.sendall(b"".join(case.data for case in cases[i]))
                if i % 2 == 0:
                    hang_up(connection, i % 4 == 0)
            judge_all(connections[1::2], cases[1::2])
            assert decrypt_all(site, connections[1::2]) == CONNECTIONS * 3 / 4
            for connection in connections[1::2]:
                connection.close()
    with check(f"{name}: nor do those who hang up in the midst of a request, or while others are answered"):
        for turn in range(ROUNDS):
            connections = [site.connect() for _ in range(CONNECTIONS)]
            cases = [[encrypt(site, f"{name} half {turn} {i}".encode())] for i in range(CONNECTIONS)]
            for i, connection in enumerate(connections):
                connection.sendall(cases[i][0].data[:-5] if i % 4 == 0 else cases[i][0].data)
            for connection in connections[0::2]:
                hang_up(connection, turn % 2 == 0)
            judge_all(connections[1::2], cases[1::2])
            assert decrypt_all(site, connections[1::2]) == CONNECTIONS / 2
            for connection in connections[1::2]:
                connection.close()
    with check(f"{name}: who says that he sends no more is answered"):
        for turn in range(ROUNDS):
            connections = [site.connect() for _ in range(CONNECTIONS)]
            cases = [[encrypt(site, f"{name} last {turn} {i} {k}".encode()) for k in range(2)] for i in range(CONNECTIONS)]
            for connection, own in zip(connections, cases):
                connection.sendall(b"".join(case.data for case in own))
                connection.shutdown(socket.SHUT_WR)
            judge_all(connections, cases)
            for connection in connections:
                connection.close()
            connections = [site.connect() for _ in range(CONNECTIONS)]
            assert decrypt_all(site, connections) == CONNECTIONS * 2
            for connection in connections:
                connection.close()


def judge_until_closed(connections, cases):
    """Answers up to some point, each whole and the right one; then the end. Returns how many."""
    count = 0
    for connection, own in zip(connections, cases):
        answers = Answers(connection)
        closes = False
        for case in own:
            answer = answers.next()
            if answer is None:
                break
            assert not closes, "answered after it said that it closes"
            closes = says_close(answer)
            if answer[0] == 200:
                case.judge(*answer)
            else:  # it waited for a worker
                code = json.loads(answer[2])["__type"]
                assert code in ("ServiceUnavailableException", "ThrottlingException"), answer
                fails(code, answer[0])(*answer)
            count += 1
        assert answers.next() is None
    return count


def test_stopping():
    counts = []
    with check("a stop in the midst: answered or closed, nothing in between, and a clean end"):
        for turn in range(STOPS):
            site = Site(network_threads=1 + turn % 2, drain_timeout_ms=(0, 3000)[turn // 2 % 2])
            connections = [site.connect() for _ in range(CONNECTIONS)]
            cases = [[rsa_sign(site, f"stop {i}".encode()) if (i + k) % 5 == 0 else encrypt(site, f"stop {turn} {i} {k}".encode())
                      for k in range(EACH)] for i in range(CONNECTIONS)]
            signatures.clear()
            send_all(connections[: CONNECTIONS // 2], cases[: CONNECTIONS // 2])
            if turn % 4 < 2:
                connections[0].recv(1, socket.MSG_PEEK)
            began = time.monotonic()
            site.daemon.process.send_signal(signal.SIGTERM)
            try:
                send_all(connections[CONNECTIONS // 2:], cases[CONNECTIONS // 2:])
            except ConnectionError:
                pass  # it has ended by now
            counts.append(judge_until_closed(connections, cases))
            assert site.daemon.process.wait(30) == 0, site.daemon.output()
            assert time.monotonic() - began < 20, time.monotonic() - began
            encrypted.clear()
            for connection in connections:
                connection.close()
        assert any(counts), "all were closed: nothing was shown"
    print(f"# answered before the end, of {CONNECTIONS * EACH}: {counts}")


def test_exactly_so_many():
    """libmicrohttpd takes 128 events at a time, and waits for more when there are exactly as many."""
    site = Site(network_threads=1)
    body = site.request("ListKeys", {})
    for count in (127, 128, 129, 256):
        connections = [site.connect() for _ in range(count)]
        answers = [Answers(connection) for connection in connections]
        for connection, own in zip(connections, answers):
            connection.sendall(body)
            assert own.next()[0] == 200
        with check(f"{count} requests that arrive at the very same time are answered within seconds"):
            time.sleep(0.2)  # its thread has nothing to do by then
            site.daemon.process.send_signal(signal.SIGSTOP)
            for connection in connections:
                connection.settimeout(20)
                connection.sendall(body)
            time.sleep(0.2)
            began = time.monotonic()
            site.daemon.process.send_signal(signal.SIGCONT)
            for own in answers:
                assert own.next()[0] == 200
            assert time.monotonic() - began < 10, time.monotonic() - began
        for connection in connections:
            connection.close()
    assert site.daemon.stop() == 0, site.daemon.output()


for threads in (1, 2):
    name = f"{threads} thread{'s' if threads > 1 else ''}"
    site = Site(network_threads=threads)
    test_crowd(site, name)
    test_hanging_up(site, name)
    with check(f"{name}: and it ends cleanly, for nothing is under way any more"):
        began = time.monotonic()
        assert site.daemon.stop() == 0, site.daemon.output()
        assert time.monotonic() - began < 5, time.monotonic() - began
test_stopping()
test_exactly_so_many()
finish()
