/** What is asked of a subscription, and what is added to it to know where it stands. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { invalid } from '../../clients/options.ts';
import {
  CommitmentLevel,
  SlotStatus,
  type SubscribeRequest,
  SubscribeRequestFilterSlotsSchema,
  SubscribeRequestSchema,
} from '../../wire/geyser/generated/geyser_pb.js';

/** As protobuf-es takes it: what is left out is empty. */
export type Subscription = MessageInitShape<typeof SubscribeRequestSchema>;

/** The name of the filter that is added where nothing else tells of slots. */
export const OWN_FILTER = '__keepwarm';

/** The status by which a slot has reached a level. */
const STATUS: Readonly<Record<CommitmentLevel, SlotStatus>> = {
  [CommitmentLevel.PROCESSED]: SlotStatus.SLOT_PROCESSED,
  [CommitmentLevel.CONFIRMED]: SlotStatus.SLOT_CONFIRMED,
  [CommitmentLevel.FINALIZED]: SlotStatus.SLOT_FINALIZED,
};

export class Asked {
  /** As it goes out, without `from_slot`. */
  readonly request: SubscribeRequest;
  /** The slot that the caller wants a replay from. */
  readonly fromSlot: bigint | undefined;
  /** The status that makes a slot whole at this level. */
  readonly whole: SlotStatus;
  /** Whether a filter was added. */
  readonly added: boolean;

  /** @throws NetError `INVALID` naming what is wrong */
  constructor(given: Subscription) {
    const { fromSlot, ...request } = create(SubscribeRequestSchema, given);
    if (request.ping !== undefined) throw invalid('a subscription with a ping has no filters: use `ping()`');
    const commitment = request.commitment ?? CommitmentLevel.PROCESSED;
    const whole = STATUS[commitment];
    if (whole === undefined) throw invalid(`commitment is ${commitment}; allowed: 0, 1 or 2`);
    const { accounts, slots, transactions, transactionsStatus, blocks, blocksMeta, entry } = request;
    const kinds = [accounts, slots, transactions, transactionsStatus, blocks, blocksMeta, entry];
    if (kinds.some((kind) => Object.hasOwn(kind, OWN_FILTER))) {
      throw invalid(`the name ${OWN_FILTER} of a filter is keepwarm's own`);
    }
    // Any filter of slots tells of those of the subscription's level, whatever else it does.
    this.added = Object.keys(slots).length === 0;
    const own = create(SubscribeRequestFilterSlotsSchema, { filterByCommitment: true });
    this.request = this.added ? { ...request, slots: { [OWN_FILTER]: own } } : request;
    this.fromSlot = fromSlot;
    this.whole = whole;
  }

  /** The first write of a stream. */
  from(slot: bigint | undefined): SubscribeRequest {
    return slot === undefined ? this.request : { ...this.request, fromSlot: slot };
  }

  get commitment(): CommitmentLevel {
    return this.request.commitment ?? CommitmentLevel.PROCESSED;
  }
}
