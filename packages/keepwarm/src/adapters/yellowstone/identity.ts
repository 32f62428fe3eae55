/** Which update it is: the same for the same update, however often it is sent, and another for another. */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { numberOf } from '../../algo/u64.ts';
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

/** That of accounts, of which there are very many: one object for all. */
const ofAccount = { slot: 0, id: 0, mark: 0 };

/**
 * Nothing for what belongs to no slot. A write of an account is told apart by its address and its write version, which
 * a validator counts: of the same write, another validator may give another.
 *
 * @returns what holds until the next is asked for
 */
export function identityOf({ updateOneof }: SubscribeUpdate): Identity | undefined {
  if (updateOneof.case !== 'account') return ofOther(updateOneof);
  const { account, slot } = updateOneof.value;
  ofAccount.slot = numberOf(slot);
  // A number, not a text of address and version: each lives for as long as its slot.
  ofAccount.id = account === undefined ? -1 : numberOf(account.writeVersion);
  ofAccount.mark = account === undefined ? 0 : markOf(account.pubkey);
  return ofAccount;
}

function ofOther({ case: kind, value }: SubscribeUpdate['updateOneof']): Identity | undefined {
  switch (kind) {
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
  bytes.length < 4 ? 0 : (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
