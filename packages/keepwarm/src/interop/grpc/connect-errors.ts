/** Failures as Connect has them: its codes are gRPC's, its details those of a google.rpc.Status. */
import type { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ConnectError } from '@connectrpc/connect';
import { NetError } from '../../core/error.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import { STATUS } from '../../wire/grpc/status.ts';

export interface ConnectErrors {
  /** @param signal of the call: when Connect ended it, its own reason says more than ours */
  of(thrown: unknown, signal: AbortSignal): ConnectError;
}

interface Detail {
  readonly type: string;
  readonly value: Uint8Array<ArrayBuffer>;
}

export function connectErrors(Made: typeof ConnectError, Reader: typeof BinaryReader): ConnectErrors {
  return {
    of(thrown, signal) {
      if (thrown instanceof Made) return thrown;
      if (signal.aborted && signal.reason instanceof Made) return signal.reason;
      if (thrown instanceof NetError) return new Made(thrown.message, STATUS.INTERNAL, undefined, undefined, thrown);
      if (!(thrown instanceof GrpcError)) return Made.from(thrown);
      const metadata = new Headers();
      for (const [name, value] of thrown.metadata.fields()) metadata.append(name, value);
      const error = new Made(thrown.statusMessage, thrown.code, metadata, undefined, thrown);
      if (thrown.details !== undefined) error.details = detailsOf(thrown.details, Reader);
      return error;
    },
  };
}

const LENGTH_DELIMITED = 2;

/** The details of a google.rpc.Status (field 3, each a google.protobuf.Any); none when it is broken. */
function detailsOf(status: Uint8Array, Reader: typeof BinaryReader): Detail[] {
  const details: Detail[] = [];
  try {
    const reader = new Reader(status);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 3 && type === LENGTH_DELIMITED) details.push(detailOf(new Reader(reader.bytes())));
      else reader.skip(type);
    }
  } catch {
    return []; // an error whose details cannot be read is still an error
  }
  return details;
}

function detailOf(reader: BinaryReader): Detail {
  let [url, value] = ['', new Uint8Array(0)];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === LENGTH_DELIMITED) url = reader.string();
    else if (field === 2 && type === LENGTH_DELIMITED) value = new Uint8Array(reader.bytes());
    else reader.skip(type);
  }
  return { type: url.slice(url.lastIndexOf('/') + 1), value };
}
