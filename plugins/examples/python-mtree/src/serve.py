"""How a plugin of mkmini serves an exporter: the handshake, the certificates
and the services of docs/plugins/protocol.md, version 1.

plugin_pb2 is made from plugin.proto when the plugin is built."""

import base64
import datetime
import json
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import plugin_pb2 as pb
from failure import Cancelled, Diagnostic

PACKAGE = "mkmini.plugin.v1."
CORE_PROTOCOL = 1
PROTOCOL = 1

# What the host sends may be larger than gRPC's 4 MiB.
MAX_MESSAGE = 64 << 20

# The least time in seconds between two reports of one phase.
REPORT_INTERVAL = 0.05

# How long a plugin that is to end waits for its calls, in seconds.
DRAIN = 0.5


def certificate():
    """Returns a key in PEM and a self-signed certificate for "localhost", the
    name that the host expects."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=30))
        .not_valid_after(now + datetime.timedelta(days=10000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, cert


class Calls:
    """The calls that run, by the names that the host gives them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.named = {}
        self.cancelled = threading.Event()

    def enter(self, context):
        """Notes a call; the function that is returned ends it."""
        name = dict(context.invocation_metadata()).get("mkmini-call", "")
        done = threading.Event()
        with self.lock:
            self.named[name] = done

        def leave():
            with self.lock:
                self.named.pop(name, None)
            done.set()

        return leave

    def wait(self, request, context):
        with self.lock:
            done = self.named.get(request.call)
        while done is not None and context.is_active() and not done.wait(0.05):
            pass
        return pb.WaitResponse()


class Exporter:
    """The service Exporter around a function."""

    def __init__(self, info, export, calls):
        self.info, self.work, self.calls = info, export, calls

    def describe(self, request, context):
        attributes = [
            pb.Attribute(
                name=a["name"],
                type=a["type"],
                required=a.get("required", False),
                default_json=json.dumps(a["default"]).encode() if "default" in a else b"",
                one_of=a.get("one_of", []),
                doc=a["doc"],
            )
            for a in self.info["attributes"]
        ]
        return pb.DescribeExporterResponse(
            info=pb.ExporterInfo(
                description=self.info["description"],
                multi_arch=self.info.get("multi_arch", False),
                attributes=attributes,
            )
        )

    def export(self, request, context):
        """Yields events. The work has a thread of its own, so that it never
        waits for a host that reads slowly."""
        leave = self.calls.enter(context)
        reports = Reports(context, self.calls.cancelled)
        outcome = []

        def run():
            try:
                outcome.append(self.finish(request, reports.report))
            finally:
                leave()
                reports.end()

        threading.Thread(target=run).start()
        yield from reports
        if outcome:
            yield outcome[0]

    def finish(self, request, report):
        """Does the work and returns the event that ends the stream."""
        try:
            artifacts = self.work(plain(request), report)
            result = pb.ExportResult(artifacts=[pb.Artifact(**a) for a in artifacts])
            return pb.ExportEvent(result=result)
        except Diagnostic as d:
            diagnostic = pb.Diagnostic(
                severity=pb.SEVERITY_ERROR,
                summary=d.summary,
                detail=d.detail,
                remedy=d.remedy,
                path=d.path,
            )
            return pb.ExportEvent(failure=pb.Failure(diagnostics=[diagnostic]))
        except Cancelled:
            return pb.ExportEvent(failure=pb.Failure(message="cancelled"))
        except Exception as e:  # a bug: what else there is to say goes to standard error
            sys.excepthook(*sys.exc_info())
            return pb.ExportEvent(failure=pb.Failure(message="%s: %s" % (type(e).__name__, e)))


def plain(request):
    """Returns a request as plain data."""
    return {
        "name": request.name,
        "images": [
            {"arch": i.arch, "layer": i.layer, "digest": i.digest, "size": i.size}
            for i in request.images
        ],
        "attributes": json.loads(request.attributes_json),
        "work_dir": request.work_dir,
        "out_dir": request.out_dir,
        "jobs": request.jobs,
        "epoch": request.epoch,
    }


class Reports:
    """Reports of progress on their way to the host: of each phase the last
    one, and never one that goes back."""

    def __init__(self, context, stop):
        self.cancelled = threading.Event()
        self.stop = stop
        self.changed = threading.Condition()
        self.pending = {}
        self.most = {}
        self.ended = False
        if not context.add_callback(self.cancelled.set):
            self.cancelled.set()

    def report(self, phase, done, total, message):
        if self.cancelled.is_set() or self.stop.is_set():
            raise Cancelled()
        with self.changed:
            done = self.most[phase] = max(min(done, total), self.most.get(phase, 0))
            text = message.encode("utf-8", "replace").decode()
            self.pending[phase] = pb.Report(phase=phase, done=done, total=total, message=text)
            self.changed.notify()

    def end(self):
        with self.changed:
            self.ended = True
            self.changed.notify()

    def __iter__(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.pending or self.ended)
                batch, self.pending, ended = self.pending, {}, self.ended
            for report in batch.values():
                yield pb.ExportEvent(report=report)
            if ended:
                return
            time.sleep(REPORT_INTERVAL)


def service(server, name, methods):
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))


def unary(function, request, response):
    return grpc.unary_unary_rpc_method_handler(
        function, request.FromString, response.SerializeToString
    )


def register(server, exporter, calls, shutdown):
    """Adds mkmini's services, and those that go-plugin wants of a plugin. Of
    the latter, messages are so small that their bytes are written out."""
    service(
        server,
        PACKAGE + "Exporter",
        {
            "Describe": unary(
                exporter.describe, pb.DescribeExporterRequest, pb.DescribeExporterResponse
            ),
            "Export": grpc.unary_stream_rpc_method_handler(
                exporter.export, pb.ExportRequest.FromString, pb.ExportEvent.SerializeToString
            ),
        },
    )
    service(
        server, PACKAGE + "Calls", {"Wait": unary(calls.wait, pb.WaitRequest, pb.WaitResponse)}
    )
    serving = b"\x08\x01"  # HealthCheckResponse{status: SERVING}
    service(
        server,
        "grpc.health.v1.Health",
        {"Check": grpc.unary_unary_rpc_method_handler(lambda request, context: serving)},
    )

    def stop(request, context):
        shutdown.set()
        return b""

    service(
        server, "plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(stop)}
    )


def serve(info, export):
    """Serves an exporter until the host says to stop; returns the exit
    status."""
    directory = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp()
    address = os.path.join(directory, "plugin")
    key, cert = certificate()
    credentials = grpc.ssl_server_credentials(
        [(key, cert.public_bytes(serialization.Encoding.PEM))],
        root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(),
        require_client_auth=True,
    )
    calls, shutdown = Calls(), threading.Event()
    server = grpc.server(
        futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", MAX_MESSAGE)]
    )
    register(server, Exporter(info, export, calls), calls, shutdown)
    server.add_secure_port("unix:" + address, credentials)

    status = [0]

    def terminate(number, frame):
        status[0] = 128 + number
        calls.cancelled.set()
        shutdown.set()

    # The host sends SIGTERM, or the kernel when the host has died. Ctrl-C on
    # a terminal is the host's business.
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    server.start()
    der = base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")
    print(CORE_PROTOCOL, PROTOCOL, "unix", address, "grpc", der, sep="|", flush=True)
    # Nothing else may go there: what a library prints is for people.
    os.dup2(2, 1)

    shutdown.wait()
    calls.cancelled.set()
    server.stop(DRAIN).wait()
    if status[0]:
        remove(directory)
    return status[0]


def remove(directory):
    """Removes the folder of the sockets, which a host that died can't."""
    try:
        os.rmdir(directory)
    except OSError:
        pass
