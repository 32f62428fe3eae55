/**
 * Every way in which our parser and llhttp in strict mode may differ, with the reason. In most we refuse what llhttp
 * accepts; in none do we accept what it refuses. `docs/reference/parser.md` repeats the list; a test keeps them equal.
 */
import { readLlhttp } from './llhttp.ts';
import { readOurs } from './ours.ts';
import type { Outcome } from './outcome.ts';

/** What two outcomes differ in, from our side. */
export type Disagreement =
  | ''
  | 'we refuse'
  | 'we accept'
  | 'we still wait'
  | 'we end earlier'
  | 'we end later'
  | `another ${string}`;

export interface Deliberate {
  readonly name: string;
  readonly disagreement: Disagreement;
  readonly why: string;
  /** A response for which it is so. */
  readonly example: string;
  readonly method?: string;
  covers(ours: Outcome, bytes: Buffer, method: string): boolean;
}

const refusing = (what: string) => (ours: Outcome) => ours.kind === 'refused' && ours.why.includes(what);

const CODING = 'a transfer coding other than one single "chunked"';
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const STRICTER: readonly Omit<Deliberate, 'disagreement'>[] = [
  {
    name: 'other protocols',
    why: 'llhttp accepts HTTP/0.9, HTTP/2.0, RTSP, ICE and empty lines before the status line. We sent HTTP/1.1.',
    example: 'HTTP/2.0 200 OK\r\n\r\n',
    covers: refusing('the answer does not start with HTTP/1.'),
  },
  {
    name: 'statuses below 100',
    why: 'RFC 9110 § 15: the first of three digits is 1 to 5. From 600 on counts as 5xx; below 100 means nothing.',
    example: 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n',
    covers: (ours, bytes) =>
      refusing('a malformed status line')(ours) && /HTTP\/1\.[01] 0\d\d/.test(bytes.toString('latin1')),
  },
  {
    name: 'controls in the reason phrase',
    why: 'RFC 9112 § 4 allows tab, space, visible characters and obs-text; others would end up in logs and terminals.',
    example: 'HTTP/1.1 200 O\x1b[2JK\r\nContent-Length: 0\r\n\r\n',
    covers: refusing('a control character in the status line'),
  },
  {
    name: 'chunked with a tab after it',
    why: 'RFC 9110 § 5.5 calls it whitespace, but llhttp takes the value for another coding: two ends for one message.',
    example: `${OK}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`,
    covers: (ours, bytes) => refusing(CODING)(ours) && /:[ \t]*chunked *\t[ \t]*\r/i.test(bytes.toString('latin1')),
  },
  {
    name: 'transfer codings other than chunked',
    why: 'We do not ask for any (no TE), and such a body would be delivered undecoded. RFC 9112 § 6.1.',
    example: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    covers: refusing(CODING),
  },
  {
    name: 'chunked in HTTP/1.0',
    why: 'RFC 9112 § 6.1: its framing must be treated as faulty; a 1.0 proxy may have forwarded it unread.',
    example: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    covers: refusing('Transfer-Encoding in an HTTP/1.0 response'),
  },
  {
    name: '101 Switching Protocols',
    why: 'Calls do not ask for an upgrade, so there is no protocol to switch to. RFC 9110 § 15.2.2.',
    example: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    covers: refusing('101 Switching Protocols'),
  },
  {
    name: 'interim responses that end the connection',
    why: 'No final response can follow a 1xx with close, or in HTTP/1.0. llhttp refuses what follows instead.',
    example: 'HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n',
    covers: refusing('an interim response that ends the connection'),
  },
  {
    name: 'lengths beyond 2^53',
    why: 'A number cannot hold them exactly; llhttp allows up to 2^64. No limit would let such a body through.',
    example: `${OK}Content-Length: 9007199254740992\r\n\r\n`,
    covers: refusing('a Content-Length beyond 2^53'),
  },
  {
    name: 'an empty Content-Length',
    why: 'Both refuse it; we do so at the end of its line, llhttp one byte later.',
    example: `${OK}Content-Length:\r\n`,
    covers: (ours, bytes, method) =>
      refusing('a Content-Length that is not a number')(ours) && readLlhttp(ended(bytes), method, 0).kind === 'refused',
  },
  {
    name: 'chunk sizes of more than 13 digits',
    why: 'More digits can only be leading zeros, or a size above 2^52. Unlimited padding would be unlimited framing.',
    example: `${CHUNKED}00000000000001\r\nx\r\n0\r\n\r\n`,
    covers: refusing('a chunk size of more than 13 digits'),
  },
  {
    name: 'chunk extensions without name or value',
    why: 'RFC 9112 § 7.1.1 requires a name, and a value after "=". llhttp accepts ";=b" and ";a=".',
    example: `${CHUNKED}1;=b\r\nx\r\n0\r\n\r\n`,
    covers: refusing('a malformed chunk extension'),
  },
  {
    name: 'trailers that may not be trailers',
    why: 'Framing, routing and credentials must be known before the body. RFC 9110 § 6.5.1.',
    example: `${CHUNKED}0\r\nSet-Cookie: a=b\r\n\r\n`,
    covers: refusing('a trailer that may not be one'),
  },
  {
    name: 'floods of interim responses',
    why: 'llhttp does not count them; a peer could send 100 forever. `interimMax` allows 16.',
    example: `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17)}${OK}Content-Length: 0\r\n\r\n`,
    covers: refusing('limit interimMax'),
  },
];

export const DELIBERATE: readonly Deliberate[] = [
  ...STRICTER.map((rule): Deliberate => ({ disagreement: 'we refuse', ...rule })),
  {
    name: 'judgement at the end of a line',
    disagreement: 'we still wait',
    why: 'Some checks wait for the end of a line or 14 bytes of the status line. Nothing is accepted meanwhile.',
    example: 'HTTP/1.7',
    covers: (_, bytes, method) => readOurs(ended(bytes), method).kind === 'refused',
  },
  {
    name: 'reuse after HEAD',
    disagreement: 'another persistent',
    method: 'HEAD',
    why: 'The reply to HEAD ends with its head (RFC 9112 § 6.3), length or not; llhttp would wait for the close.',
    example: `${OK}\r\n`,
    covers: (ours, _, method) => method === 'HEAD' && ours.kind === 'whole' && ours.persistent && ours.body === '',
  },
  {
    name: 'Proxy-Connection: keep-alive in HTTP/1.0',
    disagreement: 'another persistent',
    why: 'It was never a standard field (RFC 9112 § C.2.2): its close is believed, its keep-alive is not.',
    example: 'HTTP/1.0 200 OK\r\nProxy-Connection: keep-alive\r\nContent-Length: 0\r\n\r\n',
    covers: (ours) => closesOld(ours) && /keep-alive/i.test(valuesOf(ours, 'proxy-connection')),
  },
  {
    name: 'close beats keep-alive in HTTP/1.0',
    disagreement: 'another persistent',
    why: 'RFC 9112 § 9.3 checks for close first, in both versions; llhttp checks only for keep-alive in 1.0.',
    example: 'HTTP/1.0 200 OK\r\nConnection: close, keep-alive\r\nContent-Length: 0\r\n\r\n',
    covers: (ours) =>
      closesOld(ours) && /close/i.test(valuesOf(ours, 'connection') + valuesOf(ours, 'proxy-connection')),
  },
];

/** Whether it is a response in HTTP/1.0 after which we do not use the connection again. */
const closesOld = (ours: Outcome): boolean => ours.kind === 'whole' && ours.minor === 0 && !ours.persistent;

function valuesOf(outcome: Outcome, lowerName: string): string {
  if (outcome.kind !== 'whole') return '';
  return outcome.fields.filter((_, i) => i % 2 === 1 && outcome.fields[i - 1]!.toLowerCase() === lowerName).join(',');
}

/** The line ended, and what a status line may lack in length made up for. */
const ended = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.from('\r\n'.repeat(4))]);
