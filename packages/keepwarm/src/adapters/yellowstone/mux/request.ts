/**
 * `SubscribeRequest` as bytes. Filters stay as opaque as they came: what the multiplexer must know of a request is
 * which filters it has, and what holds for all of them (commitment, data slices), since only streams that agree in
 * that can be one. Field numbers: geyser.proto.
 */
import { Buffer } from 'node:buffer';
import { Fields, LENGTH, lengthField, VARINT, varint, varintField, WireFault } from './wire.ts';

/** Kinds of filters by their field in the request. */
export const FILTER_KINDS = {
  accounts: 1,
  slots: 2,
  transactions: 3,
  blocks: 4,
  blocksMeta: 5,
  entry: 8,
  transactionsStatus: 10,
} as const;

export type FilterKind = keyof typeof FILTER_KINDS;

const COMMITMENT = 6;
const DATA_SLICE = 7;
const PING = 9;
const FROM_SLOT = 11;

const KINDS = new Map(Object.entries(FILTER_KINDS).map(([kind, field]) => [field as number, kind as FilterKind]));

/** Names of filters are this long at most, in bytes of UTF-8 (yellowstone-grpc, "filter name"). */
export const NAME_BYTES_MAX = 128;

export interface Filter {
  readonly kind: FilterKind;
  readonly name: string;
  /** The message that says what it matches, as it came. */
  readonly definition: Buffer;
}

export interface SubscribeAsked {
  readonly filters: readonly Filter[];
  /** All that holds for every filter: requests that differ in it cannot share a stream. */
  readonly group: string;
  /** The fields of `group` as they go upstream. */
  readonly shared: Buffer;
  /** 0 processed, 1 confirmed, 2 finalized; processed where it was not said. */
  readonly commitment: number;
  readonly fromSlot: number | undefined;
  /** What it carries if it is a ping, which changes nothing (yellowstone-grpc, grpc.rs); its pong carries the same. */
  readonly ping: Buffer | undefined;
  /** Whether it has fields nobody knew when this was written: such a request is passed on as it is. */
  readonly unknown: boolean;
}

/** What is wrong with a request, in words for whoever sent it. */
export class RequestFault extends Error {
  override readonly name = 'RequestFault';
}

/** @throws RequestFault */
export function readRequest(bytes: Uint8Array): SubscribeAsked {
  try {
    return read(new Fields(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  } catch (error) {
    if (error instanceof WireFault) throw new RequestFault(`the request is no SubscribeRequest: ${error.message}`);
    throw error;
  }
}

function read(fields: Fields): SubscribeAsked {
  const filters = new Map<string, Filter>();
  const slices: Buffer[] = [];
  let commitment = 0;
  let fromSlot: number | undefined;
  let ping: Buffer | undefined;
  let unknown = false;
  while (fields.next()) {
    const { number, at, to, bytes } = fields;
    const kind = KINDS.get(number);
    if (kind !== undefined) {
      expectWire(fields, LENGTH);
      const filter = readFilter(kind, bytes, at, to);
      filters.set(`${number}/${filter.name}`, filter); // of entries with one key the last one counts
    } else if (number === COMMITMENT) {
      expectWire(fields, VARINT);
      commitment = fields.value;
    } else if (number === DATA_SLICE) {
      expectWire(fields, LENGTH);
      slices.push(bytes.subarray(at, to));
    } else if (number === PING) {
      expectWire(fields, LENGTH);
      ping = Buffer.from(bytes.subarray(at, to));
    } else if (number === FROM_SLOT) {
      expectWire(fields, VARINT);
      fromSlot = fields.value;
    } else unknown = true;
  }
  const shared = Buffer.concat([
    varintField(COMMITMENT, commitment),
    ...slices.map((slice) => lengthField(DATA_SLICE, slice)),
  ]);
  const group = shared.toString('latin1');
  return { filters: [...filters.values()], group, shared, commitment, fromSlot, ping, unknown };
}

function expectWire({ wire, number }: Fields, expected: number): void {
  if (wire !== expected) throw new WireFault(`field ${number} is of wire type ${wire}, and should be of ${expected}`);
}

function readFilter(kind: FilterKind, bytes: Buffer, from: number, to: number): Filter {
  const entry = new Fields(bytes, from, to);
  let name = '';
  let definition: Buffer = EMPTY;
  while (entry.next()) {
    if (entry.number === 1) name = bytes.toString('utf8', entry.at, entry.to);
    else if (entry.number === 2) definition = Buffer.from(bytes.subarray(entry.at, entry.to));
  }
  const length = Buffer.byteLength(name);
  if (length <= NAME_BYTES_MAX) return { kind, name, definition };
  throw new RequestFault(`the name of a filter has ${length} bytes (limit ${NAME_BYTES_MAX}): ${name.slice(0, 40)}…`);
}

const EMPTY = Buffer.alloc(0);

/** @param shared as `readRequest` found it */
export function writeRequest(filters: Iterable<Filter>, shared: Buffer, fromSlot: number | undefined): Buffer {
  const parts: Buffer[] = [];
  for (const { kind, name, definition } of filters) {
    // An empty value is written all the same: some decoders crash where it is left out.
    const entry = Buffer.concat([lengthField(1, Buffer.from(name)), lengthField(2, definition)]);
    parts.push(lengthField(FILTER_KINDS[kind], entry));
  }
  parts.push(shared);
  if (fromSlot !== undefined) parts.push(varintField(FROM_SLOT, fromSlot));
  return Buffer.concat(parts);
}

/** A request that asks for a pong and changes nothing. */
export function writePing(id: number): Buffer {
  return lengthField(PING, id === 0 ? EMPTY : Buffer.concat([varint(8), varint(id)]));
}

/** A filter of a stream's own: it tells of slots once they have reached the commitment of the request. */
export const OWN_FILTER: Filter = { kind: 'slots', name: 'keepwarm', definition: varintField(1, 1) };
