/** Geyser's calls as the gRPC client knows them; their messages are those of protobuf-es. */
import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { GrpcMethod } from '../../clients/grpc/method.ts';
import { Geyser } from '../../wire/geyser/generated/geyser_pb.js';
import { readUpdate } from './read-update.ts';

interface Method<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

/** All that get one message only ask: repeating them does no harm. */
function methodOf<I extends DescMessage, O extends DescMessage>(
  { name, input, output }: Method<I, O>,
  idempotent: boolean,
): GrpcMethod<MessageShape<I>, MessageShape<O>> {
  return {
    path: `/${Geyser.typeName}/${name}`,
    encode: (message) => toBinary(input, message),
    decode: (bytes) => fromBinary(output, bytes),
    idempotent,
  };
}

const { method } = Geyser;

export const METHODS = {
  subscribe: { ...methodOf(method.subscribe, false), decode: readUpdate },
  subscribeReplayInfo: methodOf(method.subscribeReplayInfo, true),
  ping: methodOf(method.ping, true),
  getLatestBlockhash: methodOf(method.getLatestBlockhash, true),
  getBlockHeight: methodOf(method.getBlockHeight, true),
  getSlot: methodOf(method.getSlot, true),
  isBlockhashValid: methodOf(method.isBlockhashValid, true),
  getVersion: methodOf(method.getVersion, true),
};
