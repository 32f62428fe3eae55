/** keepwarm/grpc/protobuf: methods of descriptors. Apart, since its types are those of `@bufbuild/protobuf`. */

export { type ProtobufMethod, type ProtobufRuntime, protobufMethods } from './interop/grpc/protobuf-es.ts';
