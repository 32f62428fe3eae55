/** A cache under test, with a peer whose answers are made up call by call. */
import type { Call } from '../../src/core/call.ts';
import { Fields } from '../../src/core/fields.ts';
import type { Reply } from '../../src/core/reply.ts';
import { CACHE_DEFAULTS, type CacheOptions, cache } from '../../src/policies/cache.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, type Line, scripted } from '../../src/testing/scripted-engine.ts';

export function aCache(line: (call: Call, index: number) => Line, options: Partial<CacheOptions> = {}) {
  const clock = new FakeClock();
  const uses: string[] = [];
  const engine = scripted(line, clock);
  const policy = cache(
    { ...CACHE_DEFAULTS, ...options },
    { clock, observer: { cacheUsed: ({ use }) => uses.push(use) } },
  );
  const send = policy(engine);
  const get = (headers: Readonly<Record<string, string>> = {}, about: Partial<Call> = {}): Promise<Reply> =>
    send(aCall({ headers: Fields.of(headers), ...about }));
  const texts = async (count: number, headers: Readonly<Record<string, string>> = {}) => {
    const all: string[] = [];
    for (let i = 0; i < count; i++) all.push(await (await get(headers)).text());
    return all;
  };
  /** An HTTP date so many seconds from now. */
  const date = (seconds = 0) => new Date(clock.wall() + seconds * 1_000).toUTCString();
  return { clock, uses, engine, policy, send, get, texts, date };
}

/** What the peer says when it is asked whether this is still so. */
export const asked = ({ headers }: Call): string | undefined =>
  headers.get('if-none-match') ?? headers.get('if-modified-since');
