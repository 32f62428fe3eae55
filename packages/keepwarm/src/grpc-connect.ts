/** keepwarm/grpc/connect: clients generated for Connect. Apart, since its types are those of `@connectrpc/connect`. */

export { createGrpcTransport, type GrpcTransportOptions } from './interop/grpc/connect.ts';
