/** Which update it is: the same for the same update, however often it is sent, and another for another. */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { SubscribeUpdate } from '../../wire/geyser/generated/geyser_pb.js';

export interface Identity {
  readonly slot: number;
  /** Within its slot. */
  readonly id: string;
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/**
 * Nothing for what belongs to no slot. A write of an account is told apart by its address and its write version, which
 * a validator counts: of the same write, another validator may give another.
 */
export function identityOf({ updateOneof: { case: kind, value } }: SubscribeUpdate): Identity | undefined {
  switch (kind) {
    case 'account': {
      const { account, slot } = value;
      return {
        slot: Number(slot),
        id: account === undefined ? 'a' : `a${text(account.pubkey)}${account.writeVersion}`,
      };
    }
    case 'transaction': {
      const { transaction, slot } = value;
      return { slot: Number(slot), id: transaction === undefined ? 't' : `t${text(transaction.signature)}` };
    }
    case 'transactionStatus':
      return { slot: Number(value.slot), id: `s${text(value.signature)}` };
    case 'slot':
      return { slot: Number(value.slot), id: `S${value.status}` };
    case 'block':
      return { slot: Number(value.slot), id: 'b' };
    case 'blockMeta':
      return { slot: Number(value.slot), id: 'm' };
    case 'entry':
      return { slot: Number(value.slot), id: `e${value.index}` };
    default:
      return undefined;
  }
}
