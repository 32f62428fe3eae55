/**
 * The id by which a request is followed: from its caller, through the gateway's answers, logs and pages, to the
 * upstream. It is what the caller sent as `x-request-id`, where that is believed and can be one; else, where its caller
 * traces it, trace-id and parent-id of `traceparent`, so that looking for either finds the other; else new.
 *
 * A new one is 16 bytes of the system's chance in hex: a trace-id as W3C Trace Context has it (§ 3.2.2.3), which is the
 * form of nginx's `$request_id` too. Nothing about the request, its time or this machine can be read out of it.
 */
import { randomFillSync } from 'node:crypto';
import { REQUEST_ID, REQUEST_IDS_DEFAULTS, type RequestIdsConfig } from '../config/request-ids.ts';

export { REQUEST_ID };

export const ID_CHARS_MAX = 128;
/** Tokens of RFC 9110 § 5.6.2, and what stands in base64 and URNs: nothing that would need quotes anywhere. */
const ID = /^[\w!#$%&'*+\-.^`|~/=:]{1,128}$/;
/** Version, trace-id, parent-id, flags; a later version may say more (W3C Trace Context § 3.2). */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(?:-|$)/;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the gateway answers by itself: words of its own, nothing of the request. */
export interface OwnAnswer {
  /** Of HTTP; none for gRPC, whose code says all. */
  readonly status?: number;
  readonly code: string;
  readonly upstream?: string | undefined;
  readonly reach?: string | undefined;
  readonly limit?: string | undefined;
  readonly value?: number | undefined;
}

export type Answered = (id: string, answer: OwnAnswer) => void;

export class RequestIds {
  readonly config: RequestIdsConfig;
  readonly #answered: Answered;

  constructor(config: RequestIdsConfig = REQUEST_IDS_DEFAULTS, answered: Answered = () => undefined) {
    this.config = config;
    this.#answered = answered;
  }

  /** @param headers by lower-case names */
  of(headers: Headers): RequestId {
    return new RequestId(this, idOf(headers, this.config.trust));
  }

  answered(id: string, answer: OwnAnswer): void {
    this.#answered(id, answer);
  }
}

/** As span attributes, by the semantic conventions of HTTP. */
export const spanAttributes = (id: RequestId | undefined): { readonly [name: string]: string[] } =>
  id === undefined ? {} : { 'http.request.header.x-request-id': [id.text] };

/** Of one request. */
export class RequestId {
  readonly text: string;
  readonly #all: RequestIds;

  constructor(all: RequestIds, text: string) {
    this.#all = all;
    this.text = text;
  }

  /** It goes up although the caller sent none. */
  get upstream(): boolean {
    return this.#all.config.upstream;
  }
  /** It stands in replies that are not ours. */
  get replies(): boolean {
    return this.#all.config.replies;
  }

  /** The gateway answers by itself. */
  answered(answer: OwnAnswer): void {
    this.#all.answered(this.text, answer);
  }
}

function idOf(headers: Headers, trust: boolean): string {
  const sent = headers[REQUEST_ID];
  if (trust && typeof sent === 'string' && ID.test(sent)) return sent;
  const traced = headers['traceparent'];
  const [, trace, parent] = (typeof traced === 'string' && TRACEPARENT.exec(traced)) || [];
  return trace === undefined ? newId() : `${trace}-${parent}`;
}

const ID_BYTES = 16;
/** Chance is fetched for 256 ids at once: asking for each by itself costs ten times as much as all the rest. */
const chance = Buffer.allocUnsafeSlow(256 * ID_BYTES);
let at = chance.length;

function newId(): string {
  if (at === chance.length) {
    randomFillSync(chance);
    at = 0;
  }
  at += ID_BYTES;
  return chance.toString('hex', at - ID_BYTES, at);
}
