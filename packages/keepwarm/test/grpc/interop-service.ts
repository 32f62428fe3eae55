/**
 * The service of gRPC's interoperability tests, as far as they use it, described by hand
 * (grpc/grpc src/proto/grpc/testing/messages.proto and test.proto say what it is).
 */
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

type FieldOf = readonly [
  name: string,
  number: number,
  type: 'int32' | 'bytes' | 'string' | 'bool' | string,
  repeated?: true,
];

const SCALARS: Readonly<Record<string, FieldDescriptorProto_Type>> = {
  int32: FieldDescriptorProto_Type.INT32,
  bytes: FieldDescriptorProto_Type.BYTES,
  string: FieldDescriptorProto_Type.STRING,
  bool: FieldDescriptorProto_Type.BOOL,
};

function messageType(name: string, ...fields: FieldOf[]) {
  return {
    name,
    field: fields.map(([field, number, type, repeated]) => ({
      name: field,
      jsonName: field.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      number,
      label: repeated ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
      type: SCALARS[type] ?? FieldDescriptorProto_Type.MESSAGE,
      ...(SCALARS[type] === undefined ? { typeName: `.grpc.testing.${type}` } : {}),
    })),
  };
}

function methodType(name: string, input: string, output: string, clientStreaming = false, serverStreaming = false) {
  return {
    name,
    inputType: `.grpc.testing.${input}`,
    outputType: `.grpc.testing.${output}`,
    clientStreaming,
    serverStreaming,
  };
}

const file = create(FileDescriptorProtoSchema, {
  name: 'grpc/testing/test.proto',
  package: 'grpc.testing',
  syntax: 'proto3',
  messageType: [
    messageType('Empty'),
    messageType('Payload', ['type', 1, 'int32'], ['body', 2, 'bytes']),
    messageType('EchoStatus', ['code', 1, 'int32'], ['message', 2, 'string']),
    messageType('ResponseParameters', ['size', 1, 'int32'], ['interval_us', 2, 'int32']),
    messageType(
      'SimpleRequest',
      ['response_size', 2, 'int32'],
      ['payload', 3, 'Payload'],
      ['response_status', 7, 'EchoStatus'],
    ),
    messageType('SimpleResponse', ['payload', 1, 'Payload'], ['username', 2, 'string']),
    messageType('StreamingInputCallRequest', ['payload', 1, 'Payload']),
    messageType('StreamingInputCallResponse', ['aggregated_payload_size', 1, 'int32']),
    messageType(
      'StreamingOutputCallRequest',
      ['response_parameters', 2, 'ResponseParameters', true],
      ['payload', 3, 'Payload'],
      ['response_status', 7, 'EchoStatus'],
    ),
    messageType('StreamingOutputCallResponse', ['payload', 1, 'Payload']),
  ],
  service: [
    {
      name: 'TestService',
      method: [
        methodType('EmptyCall', 'Empty', 'Empty'),
        methodType('UnaryCall', 'SimpleRequest', 'SimpleResponse'),
        methodType('StreamingOutputCall', 'StreamingOutputCallRequest', 'StreamingOutputCallResponse', false, true),
        methodType('StreamingInputCall', 'StreamingInputCallRequest', 'StreamingInputCallResponse', true, false),
        methodType('FullDuplexCall', 'StreamingOutputCallRequest', 'StreamingOutputCallResponse', true, true),
        methodType('UnimplementedCall', 'Empty', 'Empty'),
      ],
    },
    { name: 'UnimplementedService', method: [methodType('UnimplementedCall', 'Empty', 'Empty')] },
  ],
});

/** Its description, as other languages read it. */
export const DESCRIPTION: Uint8Array = toBinary(FileDescriptorProtoSchema, file);

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));

function serviceNamed(name: string): DescService {
  const service = registry.getService(`grpc.testing.${name}`);
  if (service === undefined) throw new Error(`no service ${name}`);
  return service;
}

export const TestService = serviceNamed('TestService');
export const UnimplementedService = serviceNamed('UnimplementedService');

/** A method by its local name. */
export function methodOf(name: string, service = TestService) {
  const method = service.method[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

export function schemaOf(name: string): DescMessage {
  const schema = registry.getMessage(`grpc.testing.${name}`);
  if (schema === undefined) throw new Error(`no message ${name}`);
  return schema;
}

export interface Payload {
  readonly body: Uint8Array;
}
export interface EchoStatus {
  readonly code: number;
  readonly message: string;
}
/** Fields of all messages of the service, as far as tests look at them. */
export interface Fields {
  readonly responseSize?: number;
  readonly payload?: Payload;
  readonly responseStatus?: EchoStatus;
  readonly responseParameters?: readonly { readonly size: number; readonly intervalUs?: number }[];
  readonly aggregatedPayloadSize?: number;
}

/** A message by the name of its type. */
export function message(name: string, fields: Fields = {}): Message {
  return create(schemaOf(name), fields as never);
}

export function payload(bytes: number): Payload {
  return { body: new Uint8Array(bytes) };
}
