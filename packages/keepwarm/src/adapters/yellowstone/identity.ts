/** Which update it is: the same for the same update, however often it is sent, and another for another. */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { SubscribeUpdate } from '../../wire/geyser/generated/geyser_pb.js';

export interface Identity {
  readonly slot: number;
  /** Within its slot. */
  readonly id: string | number;
  /** 32 bits that two updates with one id do not share: some of the address, where the id is a count. */
  readonly mark: number;
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
      // A number, not a text of address and version: there are very many, and each lives for as long as its slot.
      const id = account === undefined ? -1 : Number(account.writeVersion);
      return { slot: Number(slot), id, mark: account === undefined ? 0 : markOf(account.pubkey) };
    }
    case 'transaction': {
      const { transaction, slot } = value;
      return { slot: Number(slot), id: transaction === undefined ? 't' : `t${text(transaction.signature)}`, mark: 0 };
    }
    case 'transactionStatus':
      return { slot: Number(value.slot), id: `s${text(value.signature)}`, mark: 0 };
    case 'slot':
      return { slot: Number(value.slot), id: `S${value.status}`, mark: 0 };
    case 'block':
      return { slot: Number(value.slot), id: 'b', mark: 0 };
    case 'blockMeta':
      return { slot: Number(value.slot), id: 'm', mark: 0 };
    case 'entry':
      return { slot: Number(value.slot), id: `e${value.index}`, mark: 0 };
    default:
      return undefined;
  }
}

/** The first four bytes: of addresses, as good as drawn. */
const markOf = (bytes: Uint8Array): number =>
  bytes.length < 4 ? 0 : bytes[0]! + bytes[1]! * 0x100 + bytes[2]! * 0x10000 + bytes[3]! * 0x1000000;
