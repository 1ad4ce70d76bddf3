"""What senders who mean no good, or are slow, or are many, get out of kmsd: limits, timeouts, drain, TLS."""

import concurrent.futures
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from botocore.credentials import Credentials  # noqa: E402
from daemon import REGION, Daemon, client, init_data_dir, kmsd  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import JSON, sign  # noqa: E402

folder = tempfile.TemporaryDirectory()
data = os.path.join(folder.name, "data")
credentials = init_data_dir(data)
root = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"])


def started(name, config, *arguments):
    path = os.path.join(folder.name, name + ".json")
    with open(path, "w") as file:
        json.dump(config, file)
    return Daemon(["run", "--data-dir", data, "--config", path, *arguments])


def connect(daemon, timeout=20):
    parts = urllib.parse.urlsplit(daemon.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=timeout)


def request(daemon, operation, body=b"{}", extra=None, length=None):
    """The bytes of a signed request, and its head alone."""
    headers = {"Content-Type": JSON, "X-Amz-Target": "TrentService." + operation}
    headers = sign("/", headers, body, credentials=root, region=REGION, endpoint=daemon.url)
    headers = {name: value if isinstance(value, str) else value.decode() for name, value in headers.items()}
    headers.update({"Host": urllib.parse.urlsplit(daemon.url).netloc, "Content-Length": str(len(body) if length is None else length)})
    headers.update(extra or {})
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None) + "\r\n"
    return head.encode() + body, head.encode()


def read_answer(connection):
    """One answer: status, headers (lower case), body."""
    stream = connection.makefile("rb")
    line = stream.readline()
    if not line:
        return None, {}, b""
    headers = {}
    while (field := stream.readline().strip()):
        name, value = field.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    return int(line.split()[1]), headers, stream.read(int(headers.get("content-length", 0)))


def closed(connection, within_s):
    """Whether the other side closes (or resets) in time."""
    connection.settimeout(within_s)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except socket.timeout:
        return False
    return True


def too_large(answer):
    status, headers, body = answer
    assert status == 413, (status, body)
    assert json.loads(body)["__type"] == "RequestEntityTooLargeException", body
    assert headers["x-amzn-requestid"] and headers["connection"].lower() == "close", headers


# --- sizes --------------------------------------------------------------------------------------------

daemon = started("sizes", {"limits": {"max_body_bytes": 65536}})
with check("a body of the limit is read"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", b"{" + b" " * 65534 + b"}")[0])
        assert read_answer(connection)[0] == 200
with check("a body one byte over the limit is read to its end and refused"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", b"{" + b" " * 65535 + b"}")[0])
        too_large(read_answer(connection))
        assert closed(connection, 5)
with check("a gigabyte is refused before it is sent"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", length=1 << 30)[1])
        too_large(read_answer(connection))
with check("who asks first (Expect: 100-continue) is refused before sending"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", length=70000, extra={"Expect": "100-continue"})[1])
        too_large(read_answer(connection))
with check("who asks first and is small may send"):
    with connect(daemon) as connection:
        whole, head = request(daemon, "ListKeys", b"{}", extra={"Expect": "100-continue"})
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(whole[len(head):])
        assert read_answer(connection)[0] == 200
with check("chunks are put together"):
    with connect(daemon) as connection:
        head = request(daemon, "ListKeys", b"{}", extra={"Content-Length": None, "Transfer-Encoding": "chunked"})[1]
        connection.sendall(head + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert read_answer(connection)[0] == 200
with check("chunks over the limit are refused"):
    with connect(daemon) as connection:
        head = request(daemon, "ListKeys", b"{}", extra={"Content-Length": None, "Transfer-Encoding": "chunked"})[1]
        connection.sendall(head + b"10000\r\n" + b" " * 65536 + b"\r\n" + b"1\r\n}\r\n0\r\n\r\n")
        too_large(read_answer(connection))
with check("chunks without end are cut off"):
    with connect(daemon) as connection:
        head = request(daemon, "ListKeys", b"{}", extra={"Content-Length": None, "Transfer-Encoding": "chunked"})[1]
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sent = 0
        try:
            connection.sendall(head)
            while sent < 64 << 20:
                connection.sendall(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        assert sent < 64 << 20, "64 MiB were taken"
with check("65 header fields are refused, 64 are read"):
    for extra_count, status in ((70, 413), (40, 200)):
        with connect(daemon) as connection:
            connection.sendall(request(daemon, "ListKeys", extra={f"A-{i}": "x" for i in range(extra_count)})[0])
            assert read_answer(connection)[0] == status
with check("a head larger than the connection's memory is refused"):
    with connect(daemon) as connection:
        try:
            connection.sendall(request(daemon, "ListKeys", extra={"X-Filler": "x" * 100000})[0])
        except ConnectionError:
            pass
        try:
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
with check("two requests in one packet get two answers"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys")[0] + request(daemon, "ListAliases")[0])
        received = b""
        while received.count(b"Truncated") < 2:
            received += connection.recv(65536)
        assert received.index(b'"Keys"') < received.index(b'"Aliases"')
with check("GET /healthz needs no credentials"):
    with connect(daemon) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers, body = read_answer(connection)
        assert (status, body) == (200, b"ok\n")
with check("other methods are refused in the API's words"):
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        with connect(daemon) as connection:
            connection.sendall(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status, headers, body = read_answer(connection)
            assert status in (400, 404) and json.loads(body)["__type"] == "UnknownOperationException", body
            assert headers["x-amzn-requestid"]
with check("all that changed nothing: it drains and ends with status 0"):
    assert daemon.stop() == 0, daemon.output()

# --- times --------------------------------------------------------------------------------------------

daemon = started("times", {"limits": {"idle_timeout_s": 1, "request_timeout_s": 1}})
with check("a silent connection is closed"):
    with connect(daemon) as connection:
        assert closed(connection, 6)
with check("one byte of a head at a time is cut off"):
    with connect(daemon) as connection:
        began = time.monotonic()
        try:
            for byte in request(daemon, "ListKeys")[0]:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
                assert time.monotonic() - began < 15, "still open"
        except ConnectionError:
            pass
with check("one byte of a body at a time is cut off"):
    with connect(daemon) as connection:
        began = time.monotonic()
        connection.sendall(request(daemon, "ListKeys", length=60000)[1])
        try:
            while True:
                connection.sendall(b" ")
                time.sleep(0.1)
                assert time.monotonic() - began < 15, "still open"
        except ConnectionError:
            pass
with check("half a request and no more is cut off soon"):
    with connect(daemon) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nCon")
        connection.shutdown(socket.SHUT_WR)
        assert closed(connection, 8)
with check("500 connections that say nothing keep nobody out"):
    silent = [connect(daemon) for _ in range(500)]
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys")[0])
        assert read_answer(connection)[0] == 200
    for connection in silent:
        connection.close()
daemon.stop()

# --- bodies of senders who are not known yet ------------------------------------------------------------

daemon = started("bodies", {"limits": {"unverified_body_bytes": 300000}})
long_body = b"{}" + b" " * 100000


def list_keys(body):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", body)[0])
        status, headers, answer = read_answer(connection)
        return status, headers.get("connection"), json.loads(answer).get("__type")


with check("long bodies count while they come, and no longer"):
    for _ in range(10):
        assert list_keys(long_body) == (200, None, None)
    with connect(daemon) as connection:
        for _ in range(10):
            connection.sendall(request(daemon, "ListKeys", long_body)[0])
            assert read_answer(connection)[0] == 200
    for _ in range(10):  # nor when they never end
        with connect(daemon) as connection:
            connection.sendall(request(daemon, "ListKeys", long_body)[0][:-1])
    deadline = time.monotonic() + 20  # kmsd notices in a while that they are gone
    while list_keys(long_body)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
daemon.stop()  # some of those may not have been noticed yet, and would count below
daemon = started("bodies", {"limits": {"unverified_body_bytes": 300000}})
with check("more of them than fit together are throttled; small ones and those that had begun are not"):
    with connect(daemon) as first, connect(daemon) as second:
        for connection in (first, second):
            connection.sendall(request(daemon, "ListKeys", long_body)[0][:-1])
        deadline = time.monotonic() + 20
        while list_keys(long_body) != (400, "close", "ThrottlingException"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert list_keys(b"{}") == (200, None, None)
        for connection in (first, second):
            connection.sendall(long_body[-1:])
            assert read_answer(connection)[0] == 200
    assert list_keys(long_body) == (200, None, None)
with check("all that is forgotten: it drains and ends with status 0"):
    assert daemon.stop() == 0, daemon.output()

# --- numbers ------------------------------------------------------------------------------------------

daemon = started("numbers", {"limits": {"worker_threads": 1, "worker_queue": 1}})



with check("more slow requests than the queue holds are throttled, none is lost or hangs"):
    clients = [client(daemon.url, credentials, retries=0) for _ in range(16)]

    def create_many(kms):
        said = []
        for _ in range(20):
            try:
                kms.create_key()
                said.append("created")
            except Exception as error:  # noqa: BLE001
                said.append(error.response["Error"]["Code"] + ": " + error.response["Error"]["Message"])
        return said

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        outcomes = [outcome for said in pool.map(create_many, clients) for outcome in said]
    assert set(outcomes) <= {"created", "ThrottlingException: Rate exceeded"}, set(outcomes)
    assert outcomes.count("created") > 0
    kms = client(daemon.url, credentials)
    listed = sum(len(page["Keys"]) for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1000}))
    assert listed == outcomes.count("created"), (listed, outcomes.count("created"))
    print(f"# {outcomes.count('created')} created, {len(outcomes) - outcomes.count('created')} throttled")
daemon.stop()

daemon = started("generators", {"limits": {"generator_threads": 1, "generator_queue": 3}})
with check("more RSA keys to make than may wait are throttled; meanwhile everything else is answered"):
    kms = client(daemon.url, credentials, retries=0)
    wrapping = kms.create_key()["KeyMetadata"]["KeyId"]
    signing = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    finished = []

    def make_pair(_):
        connection = client(daemon.url, credentials, retries=0)
        began.wait()
        try:
            connection.generate_data_key_pair_without_plaintext(KeyId=wrapping, KeyPairSpec="RSA_4096")
            finished.append("made")
        except Exception as error:  # noqa: BLE001
            finished.append(error.response["Error"]["Code"] + ": " + error.response["Error"]["Message"])

    began = threading.Barrier(13)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        pairs = [pool.submit(make_pair, number) for number in range(12)]
        began.wait()
        deadline = time.monotonic() + 20
        while not any(outcome.startswith("Throttling") for outcome in finished):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        sealed = kms.encrypt(KeyId=wrapping, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
        kms.sign(KeyId=signing, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")
        kms.create_alias(AliasName="alias/meanwhile", TargetKeyId=wrapping)
        assert kms.describe_key(KeyId="alias/meanwhile")["KeyMetadata"]["KeyId"] == wrapping
        waiting = 12 - len(finished)
    assert waiting > 0, "all pairs were made before the rest was answered: nothing was shown"
    assert set(finished) == {"made", "ThrottlingException: Rate exceeded"}, finished
    assert finished.count("made") >= 4, finished
    kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec="RSA_2048")
    print(f"# {finished.count('made')} made, {12 - finished.count('made')} throttled, {waiting} not answered yet when the rest was")
daemon.stop()

# --- drain --------------------------------------------------------------------------------------------

daemon = started("drain", {"limits": {"drain_timeout_ms": 3000}})
with check("idle connections do not hold up the drain"):
    idle = [connect(daemon) for _ in range(20)]
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys")[0])
        read_answer(connection)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 1.5, time.monotonic() - began
daemon = started("drain", {"limits": {"drain_timeout_ms": 3000}})
with check("requests under way are answered, with Connection: close, and new connections refused"):
    with connect(daemon) as connection:
        whole, head = request(daemon, "ListKeys", b"{}")
        connection.sendall(head)
        time.sleep(0.3)
        daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        try:
            connect(daemon, 2).close()
            raise AssertionError("a new connection was taken")
        except ConnectionRefusedError:
            pass
        connection.sendall(b"{}")
        status, headers, _ = read_answer(connection)
        assert status == 200 and headers["connection"].lower() == "close", headers
        assert daemon.process.wait(10) == 0
daemon = started("drain", {"limits": {"drain_timeout_ms": 1000}})
with check("a request that never ends holds up the drain for its time and no longer"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", length=100)[1])
        time.sleep(0.3)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert 0.8 < time.monotonic() - began < 5, time.monotonic() - began
daemon = started("drain", {"limits": {"drain_timeout_ms": 60000}})
with check("a second signal ends it at once"):
    with connect(daemon) as connection:
        connection.sendall(request(daemon, "ListKeys", length=100)[1])
        time.sleep(0.3)
        daemon.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(5) == -signal.SIGINT
daemon = started("drain", {})
with check("CreateKey is all or nothing across a drain"):
    stop = threading.Event()
    created = []

    def keep_creating():
        kms = client(daemon.url, credentials, retries=0)
        while not stop.is_set():
            try:
                created.append(kms.create_key()["KeyMetadata"]["KeyId"])
            except Exception:  # noqa: BLE001 - the drain, at last
                return

    threads = [threading.Thread(target=keep_creating) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    assert daemon.stop() == 0, daemon.output()
    stop.set()
    for thread in threads:
        thread.join(20)
    daemon = started("drain", {})
    kms = client(daemon.url, credentials)
    for key in created:
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert len(created) > 10, len(created)
    daemon.stop()

# --- TLS ----------------------------------------------------------------------------------------------

certificate = os.path.join(folder.name, "cert.pem")
key = os.path.join(folder.name, "key.pem")
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
tls = {"tls": {"certificate_file": certificate, "key_file": key}}


def handshake(daemon, low, high):
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version, context.maximum_version = low, high
    if low < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    parts = urllib.parse.urlsplit(daemon.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.version(), connection.cipher()[0], connection.recv(4096)


daemon = started("tls", tls)
with check("TLS 1.3 and 1.2 with forward secrecy and authenticated ciphers"):
    assert daemon.url.startswith("https://"), daemon.url
    version, cipher, answer = handshake(daemon, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert version == "TLSv1.3" and b"200 OK" in answer, version
    version, cipher, answer = handshake(daemon, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    assert version == "TLSv1.2" and "ECDHE" in cipher and ("GCM" in cipher or "CHACHA" in cipher), cipher
with check("TLS 1.1 is refused"):
    try:
        handshake(daemon, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)
    except (ssl.SSLError, ConnectionError):
        pass
    else:
        raise AssertionError("accepted")
with check("boto3 works through TLS"):
    import boto3
    kms = boto3.client("kms", endpoint_url=daemon.url, region_name=REGION, verify=certificate,
                       aws_access_key_id=root.access_key, aws_secret_access_key=root.secret_key)
    metadata = kms.create_key()["KeyMetadata"]
    sealed = kms.encrypt(KeyId=metadata["KeyId"], Plaintext=b"x" * 4096)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x" * 4096
with check("plain HTTP to the TLS port is no answer, and harms nobody"):
    with connect(daemon) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert b"200" not in connection.recv(4096)
        except ConnectionError:
            pass
    assert b"200 OK" in handshake(daemon, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)[2]
    assert daemon.stop() == 0
with check("a TLS key that others can read is refused at start, by name"):
    path = os.path.join(folder.name, "open.json")
    with open(path, "w") as file:
        json.dump(tls, file)
    os.chmod(key, 0o644)
    done = subprocess.run([kmsd(), "run", "--data-dir", data, "--config", path, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=30)
    os.chmod(key, 0o600)
    assert done.returncode == 1 and f"the TLS key file {key} is accessible to others (mode 0644)" in done.stderr, done
with check("a certificate that is none is refused at start, by name"):
    path = os.path.join(folder.name, "bad.json")
    with open(path, "w") as file:
        json.dump({"tls": {"certificate_file": key, "key_file": key}}, file)
    done = subprocess.run([kmsd(), "run", "--data-dir", data, "--config", path, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and done.stderr.strip(), done

# --- where it listens -----------------------------------------------------------------------------------

with check("several addresses, IPv6 too"):
    path = os.path.join(folder.name, "two.json")
    with open(path, "w") as file:
        json.dump({"listen": ["127.0.0.1:0", "[::1]:0"]}, file)
    process = subprocess.Popen([kmsd(), "run", "--data-dir", data, "--config", path], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    urls = [process.stdout.readline().split()[-1] for _ in range(2)]
    for url in urls:
        assert isinstance(client(url, credentials).list_keys()["Keys"], list)
    assert any("[::1]" in url for url in urls), urls
    process.terminate()
    assert process.wait(20) == 0
with check("an address that others can reach needs TLS or a word that plain HTTP is meant"):
    done = subprocess.run([kmsd(), "run", "--data-dir", data, "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "insecure_http" in done.stderr, done.stderr
    path = os.path.join(folder.name, "insecure.json")
    with open(path, "w") as file:
        json.dump({"insecure_http": True}, file)
    process = subprocess.Popen([kmsd(), "run", "--data-dir", data, "--config", path, "--listen", "0.0.0.0:0"], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    assert "http://0.0.0.0:" in process.stdout.readline()
    process.terminate()
    assert process.wait(20) == 0
with check("a port that is taken is named"):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([kmsd(), "run", "--data-dir", data, "--listen", f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr, done.stderr
with check("systemd is told"):
    path = os.path.join(folder.name, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(20)
        process = subprocess.Popen([kmsd(), "dev", "--listen", "127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "NOTIFY_SOCKET": path})
        assert notify.recv(100) == b"READY=1"
        process.terminate()
        assert notify.recv(100) == b"STOPPING=1"
        assert process.wait(20) == 0
with check("a wrong command line ends with status 2 and a hint"):
    for arguments in ([], ["serve"], ["run"], ["run", "--frobnicate"], ["init", "--data-dir", "x"], ["dev", "stray"]):
        done = subprocess.run([kmsd(), *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and ("--help" in done.stderr or "Usage" in done.stderr), (arguments, done)
with check("help and version go to standard output"):
    for arguments in (["--help"], ["--version"], ["run", "--help"], ["init", "--help"], ["dev", "--help"]):
        done = subprocess.run([kmsd(), *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and "kmsd" in done.stdout and not done.stderr, (arguments, done)
finish()
