"""gRPC's interoperability service by grpcio, which is C-core. Prints its port.

Arguments: the description of the service, a FileDescriptorProto in base64, and `gzip` for answers that are compressed.
"""

import base64
import sys
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

description = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(sys.argv[1]))
pool = descriptor_pool.DescriptorPool()
pool.Add(description)
compressed = "gzip" in sys.argv[2:]


def made(name):
    found = pool.FindMessageTypeByName("grpc.testing." + name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)


Empty, SimpleResponse = made("Empty"), made("SimpleResponse")
InputResponse, OutputResponse = made("StreamingInputCallResponse"), made("StreamingOutputCallResponse")


def prepare(call):
    if compressed:
        call.set_compression(grpc.Compression.Gzip)
    said = dict(call.invocation_metadata())
    for name in ("x-grpc-test-echo-initial",):
        if name in said:
            call.send_initial_metadata(((name, said[name]),))
    for name in ("x-grpc-test-echo-trailing-bin",):
        if name in said:
            call.set_trailing_metadata(((name, said[name]),))


def fail_as_asked(request, call):
    if request.response_status.code != 0:
        code = next(each for each in grpc.StatusCode if each.value[0] == request.response_status.code)
        call.abort(code, request.response_status.message)


def empty_call(_, call):
    prepare(call)
    return Empty()


def unary_call(request, call):
    prepare(call)
    fail_as_asked(request, call)
    answer = SimpleResponse()
    answer.payload.body = bytes(request.response_size)
    return answer


def streaming_input_call(requests, call):
    prepare(call)
    return InputResponse(aggregated_payload_size=sum(len(each.payload.body) for each in requests))


def outputs(request):
    for parameter in request.response_parameters:
        answer = OutputResponse()
        answer.payload.body = bytes(parameter.size)
        yield answer


def streaming_output_call(request, call):
    prepare(call)
    yield from outputs(request)


def full_duplex_call(requests, call):
    prepare(call)
    for request in requests:
        fail_as_asked(request, call)
        yield from outputs(request)


def handler(make, kind, name):
    types = {"request_deserializer": made(name).FromString, "response_serializer": lambda each: each.SerializeToString()}
    return make(kind, **types)


handlers = {
    "EmptyCall": handler(grpc.unary_unary_rpc_method_handler, empty_call, "Empty"),
    "UnaryCall": handler(grpc.unary_unary_rpc_method_handler, unary_call, "SimpleRequest"),
    "StreamingInputCall": handler(
        grpc.stream_unary_rpc_method_handler, streaming_input_call, "StreamingInputCallRequest"
    ),
    "StreamingOutputCall": handler(
        grpc.unary_stream_rpc_method_handler, streaming_output_call, "StreamingOutputCallRequest"
    ),
    "FullDuplexCall": handler(
        grpc.stream_stream_rpc_method_handler, full_duplex_call, "StreamingOutputCallRequest"
    ),
}
options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
server = grpc.server(futures.ThreadPoolExecutor(16), options=options)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.testing.TestService", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
