/** Calls of gRPC as calls of HTTP: a POST to the path of the method, the deadline said to the peer as well. */
import type { Call, CallBody } from '../../core/call.ts';
import { nextCallId } from '../../core/call-fact.ts';
import type { Clock } from '../../core/clock.ts';
import { Fields } from '../../core/fields.ts';
import { ACCEPTED, compress, type GrpcCoding } from '../../engines/grpc/coding.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import { tell } from '../../engines/grpc/failures.ts';
import { framed } from '../../wire/grpc/message.ts';
import { Metadata } from '../../wire/grpc/metadata.ts';
import { timeoutText } from '../../wire/grpc/timeout.ts';
import { IDEMPOTENT, ONCE } from '../methods.ts';
import type { ProtocolDoor } from '../protocol.ts';
import { GrpcAsked } from './asked.ts';
import { checkMethodPath, type GrpcMethod } from './method.ts';
import { checkCall, type GrpcCallOptions, type SettledGrpc } from './options.ts';
import type { WatchLimits } from './watch.ts';

const NONE: GrpcCallOptions = {};

/** Sets of fields remembered for calls without metadata of their own: one for each coding and length of deadline. */
const FIELDS_MAX = 32;

export class Calls {
  readonly #door: Pick<ProtocolDoor, 'home' | 'limits'>;
  readonly #clock: Clock;
  readonly #settled: SettledGrpc;
  readonly #fields = new Map<string, Fields>();
  /** Paths that have been looked at, so that each is looked at once. */
  readonly #paths = new Map<string, string>();

  constructor(door: Pick<ProtocolDoor, 'home' | 'limits'>, clock: Clock, settled: SettledGrpc) {
    this.#door = door;
    this.#clock = clock;
    this.#settled = settled;
  }

  /**
   * What a call is sent as.
   *
   * @param single whether one message is the answer, or a stream
   * @throws NetError `INVALID` naming what is wrong
   */
  make(method: GrpcMethod<never, unknown>, body: CallBody, single: boolean, given?: GrpcCallOptions): Call {
    const options = given ?? NONE;
    const { numbers } = this.#settled;
    const now = this.#clock.now();
    const deadlineMs = options.deadlineMs ?? (single ? numbers.deadlineMs : numbers.streamDeadlineMs);
    const own = options.metadata === undefined ? undefined : Metadata.of(options.metadata);
    const coding = this.coding(options);
    const fieldsFor = (leftMs: number): Fields => this.#fieldsOf(coding, timeoutText(Math.max(leftMs, 1)), own);
    return {
      id: nextCallId(),
      method: 'POST',
      origin: this.#door.home,
      path: this.pathOf(method.path),
      headers: fieldsFor(deadlineMs),
      body,
      signal: options.signal,
      startedAt: now,
      deadlineAt: now + deadlineMs,
      limits: this.#door.limits,
      traits: (options.idempotent ?? method.idempotent) === true ? IDEMPOTENT : ONCE,
      attempt: 1,
      section: '',
      operation: method.path,
      about: new GrpcAsked(method.path, this.bytesMax(options), single, fieldsFor),
    };
  }

  /** @throws NetError `INVALID` naming the option */
  check(options: GrpcCallOptions | undefined): void {
    if (options !== undefined) checkCall(options);
  }

  coding(options: GrpcCallOptions | undefined): GrpcCoding {
    return options?.compression ?? this.#settled.numbers.compression;
  }

  bytesMax(options: GrpcCallOptions | undefined): number {
    return options?.messageBytesMax ?? this.#settled.numbers.messageBytesMax;
  }

  /** How long a stream may be silent; nothing where it may be for ever. */
  watchLimits(options: GrpcCallOptions = NONE): WatchLimits | undefined {
    const { numbers } = this.#settled;
    const { firstMessageMs = numbers.firstMessageMs, silenceMs = numbers.silenceMs } = options;
    const endless = firstMessageMs === Number.POSITIVE_INFINITY && silenceMs === Number.POSITIVE_INFINITY;
    return endless ? undefined : { firstMessageMs, silenceMs };
  }

  /** A message as it goes out. @throws GrpcError for one that cannot be encoded */
  encode<I>(method: GrpcMethod<I, unknown>, message: I, coding: GrpcCoding): Uint8Array | Promise<Uint8Array> {
    let bytes: Uint8Array;
    try {
      bytes = method.encode(message);
      if (!(bytes instanceof Uint8Array)) throw new TypeError('the encoder returned something that is not bytes');
    } catch (cause) {
      throw cause instanceof GrpcError ? cause : tell.encode(cause, method.path, 'unsent');
    }
    if (coding === 'identity' || bytes.length < this.#settled.numbers.compressBytesMin) return framed(bytes, false);
    const smaller = compress(bytes);
    return smaller instanceof Uint8Array ? framed(smaller, true) : smaller.then((each) => framed(each, true));
  }

  /** @throws NetError `INVALID` */
  pathOf(path: string): string {
    let whole = this.#paths.get(path);
    if (whole === undefined) {
      whole = this.#settled.basePath + checkMethodPath(path);
      if (this.#paths.size < PATHS_MAX) this.#paths.set(path, whole);
    }
    return whole;
  }

  #fieldsOf(coding: GrpcCoding, timeout: string | undefined, own: Metadata | undefined): Fields {
    if (own !== undefined) return this.#makeFields(coding, timeout, own);
    const key = `${coding} ${timeout}`;
    let fields = this.#fields.get(key);
    if (fields === undefined) {
      fields = this.#makeFields(coding, timeout, Metadata.none);
      // What retries have left of their deadlines hardly comes twice.
      if (this.#fields.size >= FIELDS_MAX) this.#fields.clear();
      this.#fields.set(key, fields);
    }
    return fields;
  }

  #makeFields(coding: GrpcCoding, timeout: string | undefined, own: Metadata): Fields {
    const metadata = own.over(this.#settled.metadata);
    const list: (readonly [string, string])[] = [
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['grpc-accept-encoding', ACCEPTED],
    ];
    if (!metadata.has('user-agent')) list.push(['user-agent', 'grpc-keepwarm']);
    if (coding !== 'identity') list.push(['grpc-encoding', coding]);
    if (timeout !== undefined) list.push(['grpc-timeout', timeout]);
    return Fields.of([...list, ...metadata.fields()]);
  }
}

const PATHS_MAX = 1_000;
