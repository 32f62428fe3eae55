/** Signatures against two other readings of EdgeGrid: the vendor's own client, and the verifier of the test server. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Credentials, edgeGrid } from '../../src/akamai.ts';
import { Fields } from '../../src/core/fields.ts';
import { verified } from '../../src/testing/edgegrid/verify.ts';

interface VendorRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headersToSign: Readonly<Record<string, string>>;
  readonly headers: Record<string, string>;
}
interface VendorAuth {
  generateAuth(
    request: VendorRequest,
    clientToken: string,
    clientSecret: string,
    accessToken: string,
    host: string,
    bodyMax: number,
    nonce: string,
    timestamp: string,
  ): { readonly headers: { readonly Authorization: string } };
}

/** The vendor's package does not export its signer; its file is read where it lies. */
const require = createRequire(import.meta.url);
const vendor = require(join(dirname(require.resolve('akamai-edgegrid')), 'src', 'auth.js')) as VendorAuth;

const ORIGIN = 'https://akab-1.luna.akamaiapis.net';
const CASES = { numRuns: 300, seed: 20_261_121 };

const token = fc.stringMatching(/^akab-[a-z0-9]{4,20}-[a-z0-9]{4,12}$/);
const credentialsOf = fc.record({
  clientToken: token,
  accessToken: token,
  clientSecret: fc.stringMatching(/^[A-Za-z0-9+/=;]{8,44}$/),
});
const path = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_.~-]{1,12}$/), { minLength: 1, maxLength: 5 })
  .chain((parts) =>
    fc.stringMatching(/^[A-Za-z0-9_.~%=&+-]{0,30}$/).map((query) => `/${parts.join('/')}${query && `?${query}`}`),
  )
  // What a URL parser would change is not what is sent: the vendor's client parses its path once more.
  .filter((text) => {
    const url = URL.parse(text, ORIGIN);
    return url !== null && url.pathname + url.search === text;
  });
const header = fc.stringMatching(/^[!-~](?:[ -~\t]{0,30}[!-~])?$/);
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'),
  path,
  body: fc.oneof(
    fc.constant(''),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.constant('x'.repeat(131_072 + 7)),
  ),
  headers: fc.record({ 'X-Test1': header, 'X-Test2': header }, { requiredKeys: [] }),
});
const moment = fc.record({
  wallMs: fc.integer({ min: 1_500_000_000_000, max: 4_000_000_000_000 }),
  nonce: fc.uuid(),
});

function ours(
  credentials: Partial<Credentials>,
  { method, path, body, headers }: typeof request extends fc.Arbitrary<infer T> ? T : never,
  at: { wallMs: number; nonce: string },
): string {
  const whole = { host: ORIGIN, bodyBytesMax: 131_072, headersToSign: ['X-Test1', 'X-Test2'], ...credentials };
  const call = { method, origin: ORIGIN, path, headers: Fields.of(headers), body: body === '' ? undefined : body };
  return edgeGrid(call, whole as Credentials, at);
}

describe('EdgeGrid signatures', () => {
  it('are those of the vendor’s client, for 300 requests of all kinds', () => {
    fc.assert(
      fc.property(credentialsOf, request, moment, (credentials, call, at) => {
        const { clientToken, clientSecret, accessToken } = credentials;
        const timestamp = new Date(at.wallMs)
          .toISOString()
          .replace(/\.\d+Z$/, '+0000')
          .replaceAll('-', '');
        const asked = { ...call, headersToSign: { ...call.headers }, headers: {} };
        const { headers } = vendor.generateAuth(
          asked,
          clientToken,
          clientSecret,
          accessToken,
          ORIGIN,
          0,
          at.nonce,
          timestamp,
        );
        // The vendor builds its parts in another order of the same fields; the order is signed, so it is ours too.
        assert.equal(ours(credentials, call, at), headers.Authorization);
      }),
      CASES,
    );
  });

  it('satisfy a verifier written from the description, for 300 requests; with anything changed they do not', () => {
    const rules = { headersToSign: ['X-Test1', 'X-Test2'], bodyBytesMax: 131_072, skewMs: 30_000 };
    fc.assert(
      fc.property(credentialsOf, request, moment, (credentials, call, at) => {
        const authorization = ours(credentials, call, at);
        const lower = Object.fromEntries(
          Object.entries(call.headers).map(([name, value]) => [name.toLowerCase(), value]),
        );
        const received = {
          method: call.method,
          scheme: 'https',
          host: new URL(ORIGIN).host,
          target: call.path,
          headers: { ...lower, authorization },
          body: Buffer.from(call.body),
        };
        assert.deepEqual(verified(received, credentials, rules, at.wallMs), { nonce: at.nonce });
        const changed = [
          { ...received, target: `${received.target}x` },
          { ...received, method: received.method === 'GET' ? 'PUT' : 'GET' },
          { ...received, host: 'elsewhere' },
          { ...received, headers: { ...received.headers, 'x-test1': 'another' } },
          ...(call.method === 'POST' ? [{ ...received, body: Buffer.from(`y${call.body}`) }] : []),
        ];
        for (const other of changed) assert('wrong' in verified(other, credentials, rules, at.wallMs));
        assert('wrong' in verified(received, { ...credentials, clientSecret: 'another' }, rules, at.wallMs));
        assert('wrong' in verified(received, credentials, rules, at.wallMs + 31_500));
      }),
      CASES,
    );
  });

  it('count bytes of a body, not characters, and sign the first of them', () => {
    const at = { wallMs: 1_700_000_000_000, nonce: 'n' };
    const credentials = { clientToken: 'c', accessToken: 'a', clientSecret: 's', bodyBytesMax: 4 };
    const sign = (body: string | Uint8Array) =>
      edgeGrid(
        { method: 'POST', origin: ORIGIN, path: '/', headers: Fields.none, body },
        { host: ORIGIN, headersToSign: [], ...credentials },
        at,
      );
    assert.equal(sign('ääx'), sign('ääy'));
    assert.equal(sign('ääx'), sign(Buffer.from('ää')));
    assert.notEqual(sign('äx'), sign('äy'));
  });

  it('sign a body of a POST only', () => {
    const at = { wallMs: 1_700_000_000_000, nonce: 'n' };
    const credentials = { clientToken: 'c', accessToken: 'a', clientSecret: 's' };
    const call = (method: 'PUT' | 'POST', body: string) =>
      ours(credentials, { method, path: '/', body, headers: {} }, at);
    assert.equal(call('PUT', 'a'), call('PUT', 'b'));
    assert.notEqual(call('POST', 'a'), call('POST', 'b'));
  });
});
