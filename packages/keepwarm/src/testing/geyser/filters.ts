/**
 * Filters with the meaning that the Yellowstone plugin gives them: within a filter everything named must hold, within a
 * list one of it; an update carries the names of all filters that match it. What the plugin refuses is refused in its
 * words.
 */
import { Buffer } from 'node:buffer';
import { fromBase58 } from '../../wire/base58.ts';
import {
  CommitmentLevel,
  SlotStatus,
  type SubscribeRequest,
  type SubscribeRequestFilterAccounts,
  type SubscribeRequestFilterAccountsFilter,
  type SubscribeRequestFilterSlots,
  type SubscribeRequestFilterTransactions,
} from '../../wire/geyser/generated/geyser_pb.js';
import {
  type AccountEvent,
  type DataSlice,
  type Encoded,
  type GeyserEvent,
  keyOf,
  type SlotEvent,
  type TransactionEvent,
} from './events.ts';

/** How many there may be, as providers limit them. */
export interface FilterLimits {
  /** Filters of each kind in one request. */
  readonly filtersMax: number;
  /** Addresses in one list of a filter. */
  readonly addressesMax: number;
}

/** What a request asks for cannot be served: INVALID_ARGUMENT. */
export class FilterFault extends Error {
  override readonly name = 'FilterFault';
}

type Matches<E> = (event: E) => boolean;
type Named<E> = readonly (readonly [name: string, matches: Matches<E>])[];

/** What goes out of an event: which filters it matched, and which bytes. */
export interface Match {
  readonly names: readonly string[];
  readonly body: Encoded;
}

const NAME_CHARACTERS_MAX = 128;
const NO_MATCHES: readonly Match[] = [];

export class Filters {
  readonly commitment: CommitmentLevel;
  readonly #accounts: Named<AccountEvent>;
  readonly #slots: Named<SlotEvent>;
  readonly #transactions: Named<TransactionEvent>;
  readonly #statuses: Named<TransactionEvent>;
  readonly #blocksMeta: Named<GeyserEvent>;
  readonly #slices: readonly DataSlice[];
  readonly #sliceKey: string;

  /** @throws FilterFault */
  constructor(request: SubscribeRequest, limits: FilterLimits) {
    const { accounts, slots, transactions, transactionsStatus, blocksMeta, blocks, entry } = request;
    if (Object.keys(blocks).length + Object.keys(entry).length > 0) {
      throw new FilterFault('this test server has neither blocks nor entries');
    }
    this.commitment = request.commitment ?? CommitmentLevel.PROCESSED;
    if (CommitmentLevel[this.commitment] === undefined) {
      throw new FilterFault(`failed to create CommitmentLevel from ${this.commitment}`);
    }
    const { commitment } = this;
    this.#accounts = named(accounts, limits, (filter) => accountMatches(filter, limits));
    this.#slots = named(slots, limits, (filter) => slotMatches(filter, commitment));
    this.#transactions = named(transactions, limits, (filter) => transactionMatches(filter, limits));
    this.#statuses = named(transactionsStatus, limits, (filter) => transactionMatches(filter, limits));
    this.#blocksMeta = named(blocksMeta, limits, () => () => true);
    this.#slices = slicesOf(request, limits);
    this.#sliceKey = this.#slices.map(({ offset, length }) => `${offset}+${length}`).join();
  }

  /** How many there are, of all kinds. */
  get size(): number {
    const kinds = [this.#accounts, this.#slots, this.#transactions, this.#statuses, this.#blocksMeta];
    return kinds.reduce((sum, { length }) => sum + length, 0);
  }

  match(event: GeyserEvent): readonly Match[] {
    switch (event.kind) {
      case 'account': {
        const names = namesOf(this.#accounts, event);
        if (names === undefined) return NO_MATCHES;
        const whole = this.#slices.length === 0;
        return [{ names, body: whole ? event.body : event.sliced(this.#sliceKey, this.#slices) }];
      }
      case 'slot':
        return one(namesOf(this.#slots, event), event.body);
      case 'blockMeta':
        return one(namesOf(this.#blocksMeta, event), event.body);
      case 'transaction': {
        const whole = one(namesOf(this.#transactions, event), event.body);
        const status = namesOf(this.#statuses, event);
        return status === undefined ? whole : [...whole, { names: status, body: event.statusBody }];
      }
    }
  }
}

const one = (names: readonly string[] | undefined, body: Encoded): readonly Match[] =>
  names === undefined ? NO_MATCHES : [{ names, body }];

function namesOf<E>(filters: Named<E>, event: E): readonly string[] | undefined {
  let names: string[] | undefined;
  for (const [name, matches] of filters) if (matches(event)) (names ??= []).push(name);
  return names;
}

function named<F, E>(
  filters: Readonly<Record<string, F>>,
  { filtersMax }: FilterLimits,
  make: (filter: F) => Matches<E>,
): Named<E> {
  const entries = Object.entries(filters);
  atMost(entries.length, filtersMax);
  return entries.map(([name, filter]) => {
    if (name.length > NAME_CHARACTERS_MAX) {
      throw new FilterFault(`oversized filter name (max allowed size ${NAME_CHARACTERS_MAX}), found ${name.length}`);
    }
    return [name, make(filter)];
  });
}

function atMost(count: number, max: number): void {
  if (count > max) throw new FilterFault(`Max amount of filters/data_slices reached, only ${max} allowed`);
}

function keys(addresses: readonly string[], { addressesMax }: FilterLimits): ReadonlySet<string> | undefined {
  if (addresses.length === 0) return undefined;
  if (addresses.length > addressesMax) {
    throw new FilterFault(`Max amount of Pubkeys reached, only ${addressesMax} allowed`);
  }
  return new Set(addresses.map((address) => base58(address, 32, 'pubkey')));
}

function base58(text: string, length: number, what: string): string {
  const bytes = text.length > length * 2 ? undefined : fromBase58(text);
  if (bytes?.length !== length) throw new FilterFault(`Invalid Base58 string: a ${what} has ${length} bytes`);
  return keyOf(bytes);
}

function accountMatches(filter: SubscribeRequestFilterAccounts, limits: FilterLimits): Matches<AccountEvent> {
  const accounts = keys(filter.account, limits);
  const owners = keys(filter.owner, limits);
  const signed = filter.nonemptyTxnSignature;
  if (filter.filters.length > STATE_FILTERS_MAX) {
    throw new FilterFault(`Too many filters provided; max ${STATE_FILTERS_MAX}`);
  }
  if (filter.filters.filter((each) => each.filter.case === 'datasize').length > 1) {
    throw new FilterFault('datasize used more than once');
  }
  const states = filter.filters.map(stateMatches);
  return (event) =>
    (signed === undefined || signed === (event.info.txnSignature !== undefined)) &&
    (accounts === undefined || accounts.has(event.pubkey)) &&
    (owners === undefined || owners.has(event.owner)) &&
    states.every((matches) => matches(event));
}

const STATE_FILTERS_MAX = 4;
const MEMCMP_BYTES_MAX = 128;
/** Of an account of the token program: its size, and where its state stands. */
const TOKEN_ACCOUNT = { bytes: 165, stateAt: 108, extendedTypeAt: 165, extendedType: 2 };

function stateMatches({ filter }: SubscribeRequestFilterAccountsFilter): Matches<AccountEvent> {
  switch (filter.case) {
    case 'memcmp': {
      const offset = Number(filter.value.offset);
      const bytes = memcmpBytes(filter.value.data);
      return ({ info: { data } }) =>
        data.length >= offset + bytes.length && bytes.equals(data.subarray(offset, offset + bytes.length));
    }
    case 'datasize': {
      const size = Number(filter.value);
      return ({ info }) => info.data.length === size;
    }
    case 'tokenAccountState':
      if (!filter.value) throw new FilterFault('token_account_state only allowed to be true');
      return ({ info: { data } }) => isTokenAccount(data);
    case 'lamports':
      return lamportsMatch(filter.value.cmp);
    case undefined:
      throw new FilterFault('filter should be defined');
  }
}

function isTokenAccount(data: Uint8Array): boolean {
  const { bytes, stateAt, extendedTypeAt, extendedType } = TOKEN_ACCOUNT;
  if (data.length < bytes || data[stateAt] === 0) return false;
  return data.length === bytes || data[extendedTypeAt] === extendedType;
}

type FilterOf<Case> = Extract<SubscribeRequestFilterAccountsFilter['filter'], { case: Case }>['value'];

function memcmpBytes(data: FilterOf<'memcmp'>['data']): Buffer {
  if (data.case === undefined) throw new FilterFault('data for memcmp should be defined');
  let bytes: Uint8Array | undefined;
  if (data.case === 'bytes') bytes = data.value;
  else if (data.value.length > MEMCMP_BYTES_MAX * 2) throw new FilterFault('data too large');
  else if (data.case === 'base58') bytes = fromBase58(data.value);
  else bytes = /^[A-Za-z0-9+/]*={0,2}$/.test(data.value) ? Buffer.from(data.value, 'base64') : undefined;
  if (bytes === undefined) throw new FilterFault(`invalid ${data.case}`);
  if (bytes.length > MEMCMP_BYTES_MAX) throw new FilterFault('data too large');
  return Buffer.from(bytes);
}

function lamportsMatch(cmp: FilterOf<'lamports'>['cmp']): Matches<AccountEvent> {
  const { value } = cmp;
  switch (cmp.case) {
    case 'eq':
      return ({ info }) => info.lamports === value;
    case 'ne':
      return ({ info }) => info.lamports !== value;
    case 'lt':
      return ({ info }) => info.lamports < value!;
    case 'gt':
      return ({ info }) => info.lamports > value!;
    case undefined:
      throw new FilterFault('cmp for lamports should be defined');
  }
}

const COMMITTED: Readonly<Record<CommitmentLevel, SlotStatus>> = {
  [CommitmentLevel.PROCESSED]: SlotStatus.SLOT_PROCESSED,
  [CommitmentLevel.CONFIRMED]: SlotStatus.SLOT_CONFIRMED,
  [CommitmentLevel.FINALIZED]: SlotStatus.SLOT_FINALIZED,
};

/** The three that are not in between. */
const LEVELS: ReadonlySet<SlotStatus> = new Set(Object.values(COMMITTED));

function slotMatches(filter: SubscribeRequestFilterSlots, commitment: CommitmentLevel): Matches<SlotEvent> {
  const { filterByCommitment = false, interslotUpdates = false } = filter;
  return ({ status }) =>
    (!filterByCommitment || status === COMMITTED[commitment]) && (interslotUpdates || LEVELS.has(status));
}

function transactionMatches(
  filter: SubscribeRequestFilterTransactions,
  limits: FilterLimits,
): Matches<TransactionEvent> {
  const { vote, failed } = filter;
  const signature = filter.signature === undefined ? undefined : base58(filter.signature, 64, 'signature');
  const include = keys(filter.accountInclude, limits);
  const exclude = keys(filter.accountExclude, limits);
  const required = keys(filter.accountRequired, limits);
  return (event) =>
    (vote === undefined || vote === event.info.isVote) &&
    (failed === undefined || failed === event.failed) &&
    (signature === undefined || signature === event.signature) &&
    (include === undefined || !include.isDisjointFrom(event.keys)) &&
    (exclude === undefined || exclude.isDisjointFrom(event.keys)) &&
    (required === undefined || required.isSubsetOf(event.keys));
}

function slicesOf({ accountsDataSlice }: SubscribeRequest, { filtersMax }: FilterLimits): readonly DataSlice[] {
  atMost(accountsDataSlice.length, filtersMax);
  const slices = accountsDataSlice.map(({ offset, length }) => ({ offset: Number(offset), length: Number(length) }));
  for (const [index, { offset }] of slices.entries()) {
    const before = slices[index - 1];
    if (before === undefined) continue;
    if (offset < before.offset) throw new FilterFault('failed to create filter: data slices out of order');
    if (offset < before.offset + before.length)
      throw new FilterFault('failed to create filter: data slices overlapped');
  }
  return slices;
}
