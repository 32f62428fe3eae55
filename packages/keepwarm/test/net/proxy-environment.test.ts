/** Which proxy the environment names for an origin, and which options of a proxy are acceptable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClientOptions, createClient, NetError, originOf } from '../../src/index.ts';
import { edgeOf } from '../../src/net/edge.ts';
import { Proxies } from '../../src/net/proxy.ts';
import type { Environment } from '../../src/net/proxy-environment.ts';
import type { ProxyOption } from '../../src/net/proxy-options.ts';

const chosen = (environment: Environment, url: string): string =>
  new Proxies('environment', environment).of(originOf(new URL(url)))?.name ?? 'straight';

/** With a proxy for everything, and this list. */
const isStraight = (list: string, url: string): boolean =>
  chosen({ ALL_PROXY: 'http://all:1', NO_PROXY: list }, url) === 'straight';

describe('the environment names', () => {
  for (const [what, environment, url, expected] of [
    ['nothing, when it says nothing', {}, 'http://a.test', 'straight'],
    ['HTTP_PROXY for http: origins', { HTTP_PROXY: 'http://p:1' }, 'http://a.test', 'http://p:1'],
    ['http_proxy for http: origins', { http_proxy: 'http://p:1' }, 'http://a.test', 'http://p:1'],
    ['HTTPS_PROXY for https: origins', { HTTPS_PROXY: 'http://p:1' }, 'https://a.test', 'http://p:1'],
    ['https_proxy for https: origins', { https_proxy: 'http://p:1' }, 'https://a.test', 'http://p:1'],
    ['not HTTP_PROXY for https: origins', { HTTP_PROXY: 'http://p:1' }, 'https://a.test', 'straight'],
    ['not HTTPS_PROXY for http: origins', { HTTPS_PROXY: 'http://p:1' }, 'http://a.test', 'straight'],
    ['ALL_PROXY for http:', { ALL_PROXY: 'socks5://p:1' }, 'http://a.test', 'socks5://p:1'],
    ['all_proxy for https:', { all_proxy: 'socks5://p:1' }, 'https://a.test', 'socks5://p:1'],
    [
      'its own kind before ALL_PROXY',
      { all_proxy: 'http://p:1', HTTP_PROXY: 'http://q:2' },
      'http://a.test',
      'http://q:2',
    ],
    ['lower case before upper', { http_proxy: 'http://p:1', HTTP_PROXY: 'http://q:2' }, 'http://a.test', 'http://p:1'],
    ['upper case where lower is empty', { http_proxy: ' ', HTTP_PROXY: 'http://q:2' }, 'http://a.test', 'http://q:2'],
    ['an http: proxy where no scheme stands', { HTTP_PROXY: 'p.test:3128' }, 'http://a.test', 'http://p.test:3128'],
    ['a proxy without its credentials', { HTTP_PROXY: 'http://me:pw@p:1/' }, 'http://a.test', 'http://p:1'],
    ['a proxy at an IPv6 address', { HTTP_PROXY: 'http://[::1]:3128' }, 'http://a.test', 'http://[::1]:3128'],
    ['the usual ports', { HTTP_PROXY: 'https://p', ALL_PROXY: 'socks5h://p' }, 'https://a.test', 'socks5h://p:1080'],
    ['no HTTP_PROXY under CGI', { HTTP_PROXY: 'http://evil:1', REQUEST_METHOD: 'GET' }, 'http://a.test', 'straight'],
    ['http_proxy under CGI', { http_proxy: 'http://p:1', REQUEST_METHOD: 'GET' }, 'http://a.test', 'http://p:1'],
    [
      'ALL_PROXY under CGI',
      { HTTP_PROXY: 'http://e:1', ALL_PROXY: 'http://p:1', REQUEST_METHOD: 'G' },
      'http://a.test',
      'http://p:1',
    ],
    ['HTTPS_PROXY under CGI', { HTTPS_PROXY: 'http://p:1', REQUEST_METHOD: 'GET' }, 'https://a.test', 'http://p:1'],
  ] as const) {
    it(what, () => assert.equal(chosen(environment, url), expected));
  }

  it('what is no proxy is refused when the client is made, naming the variable and not the value', () => {
    for (const url of ['ftp://me:pa55@p:1', 'http://me:pa55@', 'http://me:pa55@p:1/path', 'http://me:%ff@p:1']) {
      assert.throws(
        () => new Proxies('environment', { HTTPS_PROXY: url }),
        (error) =>
          error instanceof NetError &&
          error.code === 'INVALID' &&
          /HTTPS_PROXY/.test(error.message) &&
          !/pa55/.test(error.message),
      );
    }
  });
});

describe('NO_PROXY', () => {
  for (const [list, straight, proxied] of [
    ['', [], ['http://a.test']],
    [' , ,', [], ['http://a.test']],
    ['*', ['http://a.test', 'https://10.0.0.1', 'http://[fd00::1]'], []],
    [
      'example.com',
      ['http://example.com', 'https://a.example.com:8443', 'http://a.b.EXAMPLE.com'],
      ['http://notexample.com', 'http://example.com.evil.test', 'http://example.co'],
    ],
    ['.example.com', ['http://example.com', 'http://a.example.com'], ['http://notexample.com']],
    ['*.example.com', ['http://example.com', 'http://a.example.com'], ['http://notexample.com']],
    ['EXAMPLE.com.', ['http://example.com', 'http://example.com.'], []],
    [
      'a.test, b.test c.test\td.test',
      ['http://a.test', 'http://b.test', 'http://c.test', 'http://d.test'],
      ['http://e.test'],
    ],
    [
      'example.com:8443',
      ['https://example.com:8443', 'http://a.example.com:8443'],
      ['https://example.com', 'http://example.com:8444'],
    ],
    ['example.com:443,example.com:80', ['https://example.com', 'http://example.com'], ['http://example.com:8080']],
    ['.example.com:443', ['https://a.example.com'], ['http://a.example.com']],
    ['*.example.com:443', ['https://a.example.com'], ['http://a.example.com']],
    ['10.1.2.3', ['http://10.1.2.3', 'http://10.1.2.3:99'], ['http://10.1.2.30', 'http://110.1.2.3']],
    ['10.1.2.3:8080', ['http://10.1.2.3:8080'], ['http://10.1.2.3']],
    ['10.0.0.0/8', ['http://10.255.1.2:1', 'http://10.0.0.0'], ['http://11.0.0.1', 'http://a.test', 'http://10.test']],
    ['192.168.1.0/24', ['http://192.168.1.255'], ['http://192.168.2.1']],
    ['0.0.0.0/0', ['http://9.9.9.9'], ['http://[fd00::1]', 'http://a.test']],
    ['10.0.0.0/33, 10.0.0.0/, /8', [], ['http://10.0.0.1']],
    ['fd00::/8', ['http://[fd12::1]', 'https://[fd00::]:8443'], ['http://[fe80::1]', 'http://10.0.0.1']],
    ['[fd00::]/8', ['http://[fd12::1]'], ['http://[fe80::1]']],
    ['fd00::1', ['http://[fd00::1]', 'http://[fd00:0:0::0001]:9'], ['http://[fd00::2]']],
    ['fd00:0000:0000::1', ['http://[fd00::1]'], []],
    ['[fd00::1]', ['http://[fd00::1]:9'], ['http://[fd00::2]']],
    ['[fd00::1]:8443', ['https://[fd00::1]:8443'], ['https://[fd00::1]']],
    ['bücher.example', ['http://xn--bcher-kva.example', 'http://a.bücher.example'], ['http://bucher.example']],
    ['com', ['http://example.com'], ['http://com.test']],
    ['.', [], ['http://a.test']],
    ['http://example.com', [], ['http://example.com']],
  ] as const) {
    it(`${JSON.stringify(list)} means what it says`, () => {
      for (const url of straight) assert(isStraight(list, url), `${url} is reached straight`);
      for (const url of proxied) assert(!isStraight(list, url), `${url} goes through the proxy`);
    });
  }

  it('or not, loopback is reached straight', () => {
    for (const host of [
      'localhost',
      'LOCALHOST.',
      'api.localhost',
      '127.0.0.1',
      '127.9.9.9',
      '[::1]',
      '[::ffff:127.0.0.1]',
    ]) {
      assert(isStraight('', `http://${host}:8080`), host);
    }
    for (const host of ['localhost.test', 'mylocalhost', '128.0.0.1', '[::2]'])
      assert(!isStraight('', `http://${host}`), host);
  });

  it('in lower case wins, and no list of any kind throws', () => {
    const both = { all_proxy: 'http://p:1', no_proxy: 'a.test', NO_PROXY: 'b.test' };
    assert.equal(chosen(both, 'http://a.test'), 'straight');
    assert.equal(chosen(both, 'http://b.test'), 'http://p:1');
    const pieces = fc.constantFrom(
      'a',
      '.',
      '*',
      ':',
      '/',
      '[',
      ']',
      ',',
      ' ',
      '1',
      '255',
      '::',
      'test',
      '\0',
      'ü',
      '%',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        isStraight(parts.join(''), 'http://a.test');
        isStraight(parts.join(''), 'http://[fd00::1]:1');
      }),
    );
  });
});

describe('the option proxy', () => {
  const bad: [ProxyOption, RegExp][] = [
    ['ftp://p', /begins with "ftp:"/],
    ['', /not a URL/],
    ['http://', /not a URL/],
    ['http://p:0', /port 0/],
    ['http://p/path', /path, query or fragment/],
    ['http://p/?query', /path, query or fragment/],
    ['http://p#fragment', /path, query or fragment/],
    ['http://a%3Ab:pw@p', /colon/],
    [{ url: 'http://me:pw@p', headers: { 'Proxy-Authorization': 'Bearer x' } }, /only one can be sent/],
    [{ url: 'http://p', headers: { host: 'x' } }, /header host/],
    [{ url: 'http://p', headers: { 'x-a': 'b\r\nc: d' } }, /x-a/],
    [{ url: 'socks5://p', headers: { 'x-a': 'b' } }, /SOCKS/],
  ];
  it('is checked when the client is made', () => {
    for (const [proxy, message] of bad) assert.throws(() => createClient({ proxy }), message);
    const headers = { 'Proxy-Authorization': 'Basic x' };
    assert.throws(() => createClient({ proxy: 'http://p', headers }), /would go to the origin/);
    // @ts-expect-error: nothing older than TLS 1.2, not with a proxy either.
    const old: ClientOptions = { proxy: { url: 'https://p', tls: { minVersion: 'TLSv1' } } };
    assert.throws(() => createClient(old), /proxy\.tls\.minVersion/);
    // @ts-expect-error: a number is no proxy.
    assert.throws(() => createClient({ proxy: 5 }), /option proxy is 5/);
    // @ts-expect-error: nor is true.
    assert.throws(() => createClient({ proxy: true }), /option proxy is true/);
    // @ts-expect-error: names are known.
    assert.throws(() => createClient({ proxy: { url: 'http://p', header: {} } }), /no option proxy\.header/);
    for (const proxy of [undefined, 'none', new URL('http://p'), 'p.test:3128', { url: 'socks4a://p' }] as const) {
      createClient({ proxy }).destroy();
    }
  });

  it('may be a function, asked for every connection, whose proxies are remembered', () => {
    const asked: string[] = [];
    const proxies = new Proxies(
      (origin) => {
        asked.push(origin.key);
        return origin.secure ? 'http://p:1' : origin.hostname === 'e.test' ? 'environment' : undefined;
      },
      { http_proxy: 'http://env:2' },
    );
    const of = (url: string) => proxies.of(originOf(new URL(url)));
    assert.equal(of('https://a.test'), of('https://b.test'), 'one and the same, with its TLS sessions');
    assert.equal(of('http://a.test'), undefined);
    assert.equal(of('http://e.test')?.name, 'http://env:2');
    assert.equal(asked.length, 4);
    const throwing = new Proxies(() => assert.fail('ours'), {});
    assert.throws(
      () => throwing.of(originOf(new URL('http://a.test'))),
      /option proxy, asked for http:\/\/a\.test, threw: ours/,
    );
  });

  it('excludes other ways', () => {
    const connector = () => assert.fail('never');
    assert.throws(() => edgeOf({ proxy: 'http://p', connector }, {}), /proxy and connector exclude/);
    assert.throws(() => edgeOf({ socketPath: '/x', connector }, {}), /socketPath and connector exclude/);
    assert.throws(() => createClient({ socketPath: '' }), /socketPath/);
    assert.throws(() => createClient({ socketPath: `/${'x'.repeat(107)}` }), /108 bytes; the system takes 107/);
    // @ts-expect-error: a connector is a function.
    assert.throws(() => createClient({ connector: '10.0.0.1' }), /option connector/);
  });
});
