"""A server of grpcio, which is C-core: methods of all four kinds whose messages are bytes. Prints its port.

Arguments: nothing, or the age in ms at which it asks its connections to go (GOAWAY), with a minute to finish.
Metadata of a call says what it should do: see `prepare`.
"""

import sys
import time
from concurrent import futures

import grpc


def prepare(call):
    said = call.invocation_metadata()
    one = dict(said)
    if "x-gzip" in one:
        call.set_compression(grpc.Compression.Gzip)
    if "x-back" in one:
        call.send_initial_metadata((("x-back", one["x-back"]),))
    trailers = tuple((name, value) for name, value in said if name == "x-back-bin")
    if trailers:
        call.set_trailing_metadata(trailers)
    while "x-silent" in one and call.is_active():
        time.sleep(0.005)
    if "x-status" in one:
        code = next(each for each in grpc.StatusCode if each.value[0] == int(one["x-status"]))
        call.abort(code, "as asked \u263a %")


def unary(message, call):
    prepare(call)
    return message


def client(messages, call):
    prepare(call)
    return b"".join(messages)


def server(message, call):
    prepare(call)
    yield message


def bidi(messages, call):
    prepare(call)
    yield from messages


KINDS = {
    "unary": grpc.unary_unary_rpc_method_handler(unary),
    "client": grpc.stream_unary_rpc_method_handler(client),
    "server": grpc.unary_stream_rpc_method_handler(server),
    "bidi": grpc.stream_stream_rpc_method_handler(bidi),
}


class Raw(grpc.GenericRpcHandler):
    def service(self, details):
        return KINDS.get(details.method.rpartition("/")[2])


options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
if len(sys.argv) > 1:
    options += [("grpc.max_connection_age_ms", int(sys.argv[1])), ("grpc.max_connection_age_grace_ms", 60_000)]
made = grpc.server(futures.ThreadPoolExecutor(32), handlers=(Raw(),), options=options)
port = made.add_insecure_port("127.0.0.1:0")
made.start()
print(port, flush=True)
made.wait_for_termination()
