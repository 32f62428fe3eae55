/**
 * What the tests of the DNS cache share: a resolver whose answers the test gives by hand, on a clock that stands still.
 */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { NetError } from '../../src/core/error.ts';
import type { DnsFact } from '../../src/core/observer.ts';
import { type Address, DNS_DEFAULTS, DnsCache, type DnsOptions, type Family } from '../../src/net/dns.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

/** One lookup that has reached the resolver. */
export interface Question {
  readonly hostname: string;
  readonly family: Family;
  readonly signal: AbortSignal;
  answer(addresses: readonly string[], ttlMs?: number): void;
  fail(code: string): void;
}

export function address(text: string): Address {
  return { address: text, family: isIP(text) === 6 ? 6 : 4 };
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`query ${code}`), { code });
}

export function aCache(options: Partial<DnsOptions> = {}) {
  const clock = new FakeClock(1_000);
  const questions: Question[] = [];
  const facts: DnsFact[] = [];
  const resolver: DnsOptions['resolver'] = (hostname, family, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ addresses: Address[]; ttlMs: number | undefined }>();
    questions.push({
      hostname,
      family,
      signal,
      answer: (addresses, ttlMs) => resolve({ addresses: addresses.map(address), ttlMs }),
      fail: (code) => reject(systemError(code)),
    });
    return promise;
  };
  const observer = { resolved: (fact: DnsFact) => void facts.push(fact) };
  const cache = new DnsCache({ ...DNS_DEFAULTS, resolver, ...options }, clock, observer);

  /** Looks the name up with this answer, so that it is fresh. */
  const learn = async (hostname: string, addresses: readonly string[], ttlMs?: number) => {
    const found = cache.lookup(hostname, 0);
    questions.at(-1)!.answer(addresses, ttlMs);
    return texts(await found);
  };
  return { clock, cache, questions, facts, learn };
}

export function texts(addresses: readonly Address[] | undefined): string[] | undefined {
  return addresses?.map((one) => one.address);
}

/** The lookup must fail with a NetError of this code, before anything was sent. */
export async function refused(found: Promise<unknown>, code: string, message: RegExp): Promise<NetError> {
  const error = await found.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof NetError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.reach, 'unsent');
  assert.match(error.message, message);
  return error;
}
