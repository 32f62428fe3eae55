/** What plain JavaScript may give and no option takes: each is refused by name, at once, and shows nothing it holds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClientOptions, createClient } from '../../src/clients/client.ts';
import { OPTION_NAMES } from '../../src/clients/client-options.ts';
import { TLS_OPTIONS } from '../../src/clients/tls-options.ts';
import { NetError } from '../../src/core/error.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

const SECRET = 'sk-live-4242';

/** None of them is of use to any option but those that say so below. */
const WRONG: Readonly<Record<string, unknown>> = {
  'a number that is none': Number.NaN,
  'less than nothing': -1,
  null: null,
  'a symbol': Symbol(SECRET),
  'a bigint': 10n,
  'an object without a prototype': Object.assign(Object.create(null) as object, { secret: SECRET }),
  'an object with a secret': { secret: SECRET },
  'a list': [{ secret: SECRET }],
};

/** Where one of them is right: an observer may have more than listeners, and so may a map of headers. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  observer: ['an object without a prototype', 'an object with a secret'],
  headers: ['an object without a prototype', 'an object with a secret'],
  endpoints: ['a list'],
  'tls.ca': ['a list'],
  'tls.pins': ['a list'],
};

const BESIDE: Readonly<Record<string, ClientOptions>> = {
  balance: { endpoints: [{ url: 'http://127.0.0.1:1' }] },
  healthCheck: { endpoints: [{ url: 'http://127.0.0.1:1' }] },
};

function refusal(options: object): NetError {
  try {
    createClient(options as ClientOptions).destroy();
  } catch (error) {
    assert(error instanceof NetError, `${error}`);
    assert.equal(error.code, 'INVALID');
    assert.doesNotMatch(error.message, /object Object|sk-live/);
    return error;
  }
  return assert.fail('it was accepted');
}

describe('an option that cannot be what it was given', () => {
  for (const name of Object.keys(OPTION_NAMES)) {
    it(`is refused by name: ${name}`, () => {
      for (const [what, value] of Object.entries(WRONG)) {
        if (TAKES[name]?.includes(what)) continue;
        const { message } = refusal({ ...BESIDE[name], [name]: value });
        // A header says which of the headers it is.
        assert.match(message, name === 'headers' ? /^headers? / : new RegExp(`\\b${name}\\b`), `${what}: ${message}`);
      }
    });
  }

  for (const name of Object.keys(TLS_OPTIONS)) {
    it(`is refused by name and not shown: tls.${name}`, () => {
      for (const [what, value] of Object.entries(WRONG)) {
        if (TAKES[`tls.${name}`]?.includes(what)) continue;
        assert.match(refusal({ tls: { [name]: value } }).message, new RegExp(`^option tls\\.${name} `), what);
      }
    });
  }

  const listed: [string, object, RegExp][] = [
    ['a group that is a list', { pool: [] }, /^option pool is \[\]; allowed: an object of options$/],
    ['a policy that is a list', { retry: [] }, /^option retry is \[\]; allowed: true, false, or an object/],
    ['a part of a connection', { pool: { socketsMax: 1.5 } }, /socketsMax is 1\.5; allowed: a whole number from 1 to/],
    ['a part of a byte', { limits: { bodyBytesMax: 0.5 } }, /bodyBytesMax is 0\.5; allowed: a whole number/],
    ['a clock without timers', { clock: { now: () => 0 } }, /^option clock is an object; allowed: an object with now/],
    ['chance that is no function', { random: 0.5 }, /^option random is 0\.5; allowed: a function/],
    ['a source of names that is no function', { dns: { resolver: 'c-ares' } }, /^option dns\.resolver is "c-ares"; /],
    ['bounds the wrong way round', { dns: { ttlMsMin: 5, ttlMsMax: 1 } }, /dns\.ttlMsMin is 5; .* dns\.ttlMsMax/],
    [
      'a listener that is none',
      { observer: { replied: 'x' } },
      /^option observer\.replied is "x"; allowed: a function$/,
    ],
    [
      'a fact that is not',
      { observer: { replies() {} } },
      /^there is no fact observer\.replies; did you mean replied\?$/,
    ],
    ['a proxy without a url', { proxy: {} }, /^option proxy\.url is undefined; allowed: a URL$/],
    [
      'a proxy that half resolves',
      { proxy: { url: 'socks5://[::1]', remoteDns: 1 } },
      /^option proxy\.remoteDns is 1; /,
    ],
    ['TLS of a proxy that is text', { proxy: { url: 'https://[::1]', tls: 'x' } }, /^option proxy\.tls is "x"; /],
    ['text far too long', { tls: { verify: 'x'.repeat(5_000) } }, /verify is text of 5000 characters; allowed/],
    ['an origin whose key would be lost', { origin: 'https://a.example/v1?key=k' }, /^option origin has a query or a/],
    ['balance without endpoints', { balance: {} }, /^option balance is given without endpoints/],
    ['checks without endpoints', { healthCheck: { path: '/' } }, /^option healthCheck is given without endpoints/],
  ];
  for (const [what, options, message] of listed) {
    it(`is refused: ${what}`, () => assert.match(refusal(options).message, message));
  }

  it('is refused: an endpoint with a name, weight, key or query that cannot be', () => {
    const url = 'http://127.0.0.1:1/v1';
    const cases: [object, RegExp][] = [
      [{ url, wieght: 2 }, /^there is no option wieght of an endpoint; did you mean weight\?$/],
      [{ url, name: 5 }, /name of an endpoint is 5; allowed: text$/],
      [{ url, weight: '2' }, /^weight of endpoint "127\.0\.0\.1:1" is "2"; allowed: a number above 0$/],
      [{ url, priority: 1.5 }, /^priority of endpoint .* is 1\.5; allowed: a whole number from 0 to 1000$/],
      [{ url: 5 }, /^url of an endpoint is 5; allowed: an absolute URL$/],
      [{ url: `${url}?key=${SECRET}` }, /^url of an endpoint has a query or a fragment/],
    ];
    for (const [endpoint, message] of cases) assert.match(refusal({ endpoints: [endpoint] }).message, message);
  });

  it('is refused: a rate limit, by the name it was written under', () => {
    const limit = { limit: 5, windowMs: 1_000 };
    const cases: [object, RegExp][] = [
      [{ windowMs: 1_000 }, /^option rateLimit\.limit is undefined; allowed: a whole number from 1$/],
      [{ ...limit, name: 5 }, /^option rateLimit\.name is 5; allowed: text$/],
      [{ ...limit, key: 'ip' }, /^option rateLimit\.key is "ip"; allowed: a function$/],
      [{ ...limit, weight: 2 }, /^option rateLimit\.weight is 2; allowed: a function$/],
      [{ ...limit, waitMs: 5 }, /^option rateLimit\.waitMs is for all limits together: \{ limits: \[/],
      [{ limits: [limit], waitMs: '5' }, /^option rateLimit\.waitMs is "5"; allowed: a number from 0$/],
      [{ limits: [limit], feedback: 'no' }, /^option rateLimit\.feedback is "no"; allowed: true, false$/],
      [{ limits: [5] }, /^option rateLimit\.limits\[0\] is 5; allowed: an object of options$/],
    ];
    for (const [rateLimit, message] of cases) assert.match(refusal({ rateLimit }).message, message);
  });
});

describe('what an option takes', () => {
  it('is taken: what is undefined, a class that listens, and a clock of one’s own', () => {
    class Listener {
      readonly seen: string[] = [];
      replied(): void {
        this.note('replied');
      }
      note(fact: string): void {
        this.seen.push(fact);
      }
    }
    const unset = Object.fromEntries(Object.keys(OPTION_NAMES).map((name) => [name, undefined]));
    for (const options of [unset, { observer: new Listener() }, { clock: new FakeClock(), random: () => 0.5 }]) {
      createClient(options as ClientOptions).destroy();
    }
    const limits = { waitMs: undefined, limits: [{ limit: 1, windowMs: 5, name: undefined }] };
    createClient({ rateLimit: limits, pool: { requestsMax: Number.POSITIVE_INFINITY } }).destroy();
  });
});
