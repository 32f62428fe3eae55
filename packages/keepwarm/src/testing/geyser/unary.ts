/** The calls of Geyser that get one message, and grpc.health.v1. */
import { Buffer } from 'node:buffer';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { CommitmentLevel, Geyser } from '../../wire/geyser/generated/geyser_pb.js';
import { framed } from '../../wire/grpc/message.ts';
import type { Answering } from './answering.ts';
import type { Block, Chain } from './chain.ts';
import type { Ledger } from './ledger.ts';
import type { ChainOptions, LimitOptions } from './options.ts';

export interface UnaryParts {
  readonly chain: Chain;
  readonly ledger: Ledger;
  readonly options: ChainOptions & LimitOptions;
  readonly version: string;
  readonly serving: () => boolean;
}

type Handler = (bytes: Buffer, call: Answering) => void;

/** Answers by path. */
export function unaryHandlers(parts: UnaryParts): ReadonlyMap<string, Handler> {
  const { chain, ledger, options, version } = parts;
  const { confirmAfter, finalizeAfter } = options;
  const behind = [0, confirmAfter, finalizeAfter];
  const headOf = (commitment = CommitmentLevel.PROCESSED): Block => chain.head(behind[commitment]);
  const { method } = Geyser;
  return new Map<string, Handler>([
    handler(method.ping, ({ count }) => ({ count: count + 1 })),
    handler(method.getVersion, () => ({ version })),
    handler(method.getSlot, ({ commitment }) => ({ slot: headOf(commitment).slot })),
    handler(method.getBlockHeight, ({ commitment }) => ({ blockHeight: headOf(commitment).height })),
    handler(method.getLatestBlockhash, ({ commitment }) => {
      const { slot, blockhash, height } = headOf(commitment);
      return { slot, blockhash, lastValidBlockHeight: height + 150n };
    }),
    handler(method.isBlockhashValid, ({ blockhash, commitment }) => ({
      slot: headOf(commitment).slot,
      valid: chain.isValid(blockhash),
    })),
    handler(method.subscribeReplayInfo, () => {
      const { first } = ledger;
      return options.replaySlots === 0 || first === undefined ? {} : { firstAvailable: first };
    }),
    ['/grpc.health.v1.Health/Check', (bytes, call) => health(bytes, call, parts)],
  ]);
}

interface Method<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly parent: { readonly typeName: string };
  readonly input: I;
  readonly output: O;
}

function handler<I extends DescMessage, O extends DescMessage>(
  { name, parent, input, output }: Method<I, O>,
  answer: (request: MessageShape<I>) => MessageInitShape<O>,
): [string, Handler] {
  return [
    `/${parent.typeName}/${name}`,
    (bytes, call) => {
      call.write(framed(toBinary(output, create(output, answer(fromBinary(input, bytes)))), false));
      call.end('OK');
    },
  ];
}

/** HealthCheckResponse with its one field: 1 for SERVING, 2 for NOT_SERVING. */
const status = (serving: boolean): Buffer => Buffer.of(0x08, serving ? 1 : 2);

/** Services that may be asked about: all, and Geyser. HealthCheckRequest has the name as its field 1. */
function health(bytes: Buffer, call: Answering, { serving }: UnaryParts): void {
  const service = bytes.length < 2 ? '' : bytes.toString('utf8', 2);
  if (service !== '' && service !== Geyser.typeName) return call.end('NOT_FOUND', `unknown service ${service}`);
  call.write(framed(status(serving()), false));
  call.end('OK');
}
