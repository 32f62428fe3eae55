/**
 * `SubscribeUpdate` as bytes. Of an update the multiplexer reads the names of the filters that matched, and as much as
 * tells it from every other one: its kind, its slot, and what is its own within the slot. Field numbers: geyser.proto.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Fields, LENGTH, lengthField, VARINT, varintField, WireFault } from './wire.ts';

const FILTERS = 1;
const ACCOUNT = 2;
const SLOT = 3;
const TRANSACTION = 4;
const BLOCK = 5;
const PING = 6;
const BLOCK_META = 7;
const ENTRY = 8;
const PONG = 9;
const TRANSACTION_STATUS = 10;
const CREATED_AT = 11;

/** Updates that tell something of the chain are `data`. */
export type UpdateKind = 'ping' | 'pong' | 'slot' | 'data';

export class Update {
  readonly kind: UpdateKind;
  /** The part with the names, as it came: one text for each set of filters that match together. */
  readonly route: string;
  /** All but the names. */
  readonly body: Buffer;
  /** -1 of what belongs to none. */
  readonly slot: number;
  /** What tells it from others of its slot. Empty for pings and pongs. */
  key: string;
  /** The id of a pong. */
  readonly id: number;
  /** What somebody has made of the body, for everybody else who wants the same. */
  made: unknown = undefined;

  constructor(kind: UpdateKind, route: string, body: Buffer, slot: number, key: string, id: number) {
    this.kind = kind;
    this.route = route;
    this.body = body;
    this.slot = slot;
    this.key = key;
    this.id = id;
  }
}

const BLOCK_KEY = 'b';

/** Whether there is one for each filter that matches, each with what its filter lets through, as of blocks. */
export const isPerFilter = ({ key }: Update): boolean => key.startsWith(BLOCK_KEY);

/** @throws WireFault for what is no update */
export function readUpdate(bytes: Buffer): Update {
  let named = 0;
  const fields = new Fields(bytes);
  let scattered = false;
  let payload = 0;
  let at = 0;
  let to = 0;
  while (fields.next()) {
    if (fields.number === FILTERS) {
      if (fields.wire !== LENGTH) throw new WireFault(`filters are of wire type ${fields.wire}`);
      if (fields.from === named) named = fields.to;
      else scattered = true;
    } else if (fields.number !== CREATED_AT && fields.wire === LENGTH) {
      payload = fields.number;
      at = fields.at;
      to = fields.to;
    }
  }
  const parts = scattered ? apart(bytes) : undefined;
  const route = parts?.names ?? bytes.toString('latin1', 0, named);
  const body = parts?.rest ?? bytes.subarray(named);
  return identified(bytes, payload, at, to, route, body);
}

/** Field 1 always comes first so far; the encoding does not promise it. */
function apart(bytes: Buffer): { names: string; rest: Buffer } {
  const names: Buffer[] = [];
  const rest: Buffer[] = [];
  const fields = new Fields(bytes);
  while (fields.next()) (fields.number === FILTERS ? names : rest).push(bytes.subarray(fields.from, fields.to));
  return { names: Buffer.concat(names).toString('latin1'), rest: Buffer.concat(rest) };
}

function identified(bytes: Buffer, payload: number, at: number, to: number, route: string, body: Buffer): Update {
  switch (payload) {
    case PING:
      return new Update('ping', route, body, -1, '', 0);
    case PONG:
      return new Update('pong', route, body, -1, '', numberAt(bytes, at, to, 1));
    case SLOT: {
      const slot = numberAt(bytes, at, to, 1);
      return new Update('slot', route, body, slot, `s${numberAt(bytes, at, to, 3)}`, 0);
    }
    case ACCOUNT:
      return accountUpdate(bytes, at, to, route, body);
    case TRANSACTION:
      return transactionUpdate(bytes, at, to, route, body);
    case TRANSACTION_STATUS:
      return new Update('data', route, body, numberAt(bytes, at, to, 1), `u${textAt(bytes, at, to, 2)}`, 0);
    case BLOCK:
      return new Update('data', route, body, numberAt(bytes, at, to, 1), `${BLOCK_KEY}${textAt(bytes, at, to, 2)}`, 0);
    case BLOCK_META:
      return new Update('data', route, body, numberAt(bytes, at, to, 1), `m${textAt(bytes, at, to, 2)}`, 0);
    case ENTRY:
      return new Update('data', route, body, numberAt(bytes, at, to, 1), `e${numberAt(bytes, at, to, 2)}`, 0);
    default: {
      // A kind that did not exist when this was written: the whole of it tells it from others.
      const digest = createHash('sha256').update(bytes.subarray(at, to)).digest('base64');
      return new Update('data', route, body, -1, `${payload}:${digest}`, 0);
    }
  }
}

function accountUpdate(bytes: Buffer, at: number, to: number, route: string, body: Buffer): Update {
  const fields = new Fields(bytes, at, to);
  let slot = 0;
  let key = 'a';
  while (fields.next()) {
    if (fields.number === 2 && fields.wire === VARINT) slot = fields.value;
    else if (fields.number === 1 && fields.wire === LENGTH) key = accountKey(bytes, fields.at, fields.to);
  }
  return new Update('data', route, body, slot, key, 0);
}

/** Its address, the version of this write, and the transaction that wrote. */
function accountKey(bytes: Buffer, from: number, to: number): string {
  const fields = new Fields(bytes, from, to);
  let address = '';
  let version = 0;
  let signature = '';
  while (fields.next()) {
    if (fields.number === 1) address = bytes.toString('latin1', fields.at, fields.to);
    else if (fields.number === 7) version = fields.value;
    else if (fields.number === 8) signature = bytes.toString('latin1', fields.at, fields.to);
  }
  return `a${address}${version}/${signature}`;
}

function transactionUpdate(bytes: Buffer, at: number, to: number, route: string, body: Buffer): Update {
  const fields = new Fields(bytes, at, to);
  let slot = 0;
  let key = 't';
  while (fields.next()) {
    if (fields.number === 2 && fields.wire === VARINT) slot = fields.value;
    else if (fields.number === 1) key = `t${textAt(bytes, fields.at, fields.to, 1)}`;
  }
  return new Update('data', route, body, slot, key, 0);
}

function numberAt(bytes: Buffer, from: number, to: number, number: number): number {
  const fields = new Fields(bytes, from, to);
  while (fields.next()) if (fields.number === number && fields.wire === VARINT) return fields.value;
  return 0;
}

function textAt(bytes: Buffer, from: number, to: number, number: number): string {
  const fields = new Fields(bytes, from, to);
  while (fields.next()) {
    if (fields.number === number && fields.wire === LENGTH) return bytes.toString('latin1', fields.at, fields.to);
  }
  return '';
}

/** The names in the part of an update that has them. */
export function namesIn(route: string): string[] {
  const bytes = Buffer.from(route, 'latin1');
  const fields = new Fields(bytes);
  const names: string[] = [];
  while (fields.next()) names.push(bytes.toString('utf8', fields.at, fields.to));
  return names;
}

/** Names as the part of an update that has them. */
export function namesPart(names: readonly string[]): Buffer {
  return Buffer.concat(names.map((name) => lengthField(FILTERS, Buffer.from(name))));
}

/** What a server says every ten seconds. @param wallMs since 1970 */
export function pingBody(wallMs: number): Buffer {
  return Buffer.concat([lengthField(PING, EMPTY), createdAt(wallMs)]);
}

/** @param asked what the ping carried: the two messages have the same field */
export function pongBody(asked: Uint8Array, wallMs: number): Buffer {
  return Buffer.concat([lengthField(PONG, asked), createdAt(wallMs)]);
}

const EMPTY = Buffer.alloc(0);

function createdAt(wallMs: number): Buffer {
  const seconds = Math.floor(wallMs / 1_000);
  const nanos = Math.round((wallMs - seconds * 1_000) * 1_000_000);
  const fields = [varintField(1, seconds), ...(nanos === 0 ? [] : [varintField(2, nanos)])];
  return lengthField(CREATED_AT, Buffer.concat(fields));
}
