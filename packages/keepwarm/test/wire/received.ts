/** What the tests of the parser say: bytes in, a whole response or a reason out. */
import assert from 'node:assert/strict';
import type { ParserLimits } from '../../src/wire/response-parser.ts';
import { LIMITS, readOurs } from './differential/ours.ts';
import type { Whole } from './differential/outcome.ts';

export interface Circumstances {
  readonly method?: string;
  readonly limits?: Partial<ParserLimits>;
}

const read = (text: string, { method = 'GET', limits = {} }: Circumstances) =>
  readOurs(Buffer.from(text, 'latin1'), method, [], { ...LIMITS, ...limits });

/** The response that `text`, and then the end of the connection, are. */
export function received(text: string, circumstances: Circumstances = {}): Whole {
  const outcome = read(text, circumstances);
  assert(outcome.kind === 'whole', `expected a whole response, got ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Why `text` is refused. */
export function refusedFor(text: string, circumstances: Circumstances = {}): string {
  const outcome = read(text, circumstances);
  assert(outcome.kind === 'refused', `expected a refusal, got ${JSON.stringify(outcome)}`);
  return outcome.why;
}

/** Asserts that `text` is no more than the beginning of a response. */
export function isCutShort(text: string, circumstances: Circumstances = {}): void {
  assert.equal(read(text, circumstances).kind, 'partial');
}

export const broken = (what: string): string => `the peer broke HTTP/1.1: ${what}`;
