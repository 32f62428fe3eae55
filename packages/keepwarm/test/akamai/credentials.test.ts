/** `.edgerc` with its quirks, and which of file and environment counts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createAkamai, findCredentials, parseEdgerc } from '../../src/akamai.ts';

const FILE = `
; a comment
# another
[default]
host = akab-1.luna.akamaiapis.net/   ; the vendor's portal writes the slash
client_token = akab-c-1 ; and an inline comment
client_secret = "a;b='"   ; quotes keep semicolons
access_token = akab-a-1
max-body = 2048
headers_to_sign = X-Test1, X-Test2,,

[custom:max_body]\r
host = https://akab-2.luna.akamaiapis.net
client_token=akab-c-2
client_secret='x = y'
access_token = akab-a-2
account_key = B-1:1-2
not a setting

[unfinished]
host = akab-3.luna.akamaiapis.net
client_token =
[Customer-B]
host = akab-4.luna.akamaiapis.net
client_token = c
client_secret = s
access_token = a
[default]
max_body = 4096
`;

function aFile(t: TestContext, text = FILE): string {
  const folder = mkdtempSync(join(tmpdir(), 'edgerc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, '.edgerc');
  writeFileSync(path, text);
  return path;
}

const ENV = {
  AKAMAI_HOST: 'akab-9.luna.akamaiapis.net',
  AKAMAI_CLIENT_TOKEN: 'c9',
  AKAMAI_CLIENT_SECRET: 's9',
  AKAMAI_ACCESS_TOKEN: 'a9',
};
const prefixed = (prefix: string) =>
  Object.fromEntries(Object.entries(ENV).map(([name, value]) => [name.replace('AKAMAI_', prefix), value]));

describe('.edgerc', () => {
  it('is read with its comments, quotes, dashes, slashes and free names of sections', (t) => {
    const edgercPath = aFile(t);
    assert.deepEqual(findCredentials({ edgercPath, section: 'default', env: {} }), {
      host: 'https://akab-1.luna.akamaiapis.net',
      clientToken: 'akab-c-1',
      clientSecret: "a;b='",
      accessToken: 'akab-a-1',
      bodyBytesMax: 4096,
      headersToSign: ['X-Test1', 'X-Test2'],
    });
    const custom = findCredentials({ edgercPath, section: 'custom:max_body', env: {} });
    assert.equal(custom.host, 'https://akab-2.luna.akamaiapis.net');
    assert.equal(custom.clientSecret, 'x = y');
    assert.equal(custom.accountSwitchKey, 'B-1:1-2');
    assert.equal(custom.bodyBytesMax, 131_072);
  });

  it('names the section and the settings that are missing, and no values', (t) => {
    const edgercPath = aFile(t);
    const find = (section: string) => () => findCredentials({ edgercPath, section, env: {} });
    assert.throws(find('unfinished'), /section "unfinished" of .*lacks client_token, client_secret, access_token$/);
    assert.throws(find('nobody'), /no section "nobody"; it has: "default", "custom:max_body"/);
    const missing = () => findCredentials({ edgercPath: '/nowhere/.edgerc', env: {} });
    assert.throws(missing, /\/nowhere\/\.edgerc cannot be read \(ENOENT\)/);
  });

  it('refuses hosts and tokens that would break out of where they are put', () => {
    const credentials = { host: 'h', clientToken: 'c', clientSecret: 'top secret', accessToken: 'a' };
    const make = (over: object) => () => createAkamai({ credentials: { ...credentials, ...over } });
    assert.throws(make({ host: 'h/path' }), /host is "h\/path"/);
    assert.throws(make({ host: 'user:pass@h' }), /host is/);
    assert.throws(make({ clientToken: 'c;nonce=1' }), /clientToken has a character/);
    assert.throws(make({ accessToken: 'a\r\nx' }), /accessToken has a character/);
    assert.throws(make({ bodyBytesMax: -1 }), /bodyBytesMax is -1/);
    assert.throws(make({ clientSecret: '' }), (error: Error) => {
      assert.match(error.message, /credentials lack clientSecret/);
      return !error.message.includes('top secret');
    });
  });

  it('takes a mark of byte order, and any kind of line end', () => {
    const sections = parseEdgerc('\ufeff[a]\rhost=1\r\n[b]\nhost=2');
    assert.deepEqual(
      [...sections].map(([name, values]) => [name, values.get('host')]),
      [
        ['a', '1'],
        ['b', '2'],
      ],
    );
  });
});

describe('the environment', () => {
  it('wins over the file where all four are set, and is not looked at otherwise', (t) => {
    const edgercPath = aFile(t);
    assert.equal(findCredentials({ edgercPath, env: ENV }).clientToken, 'c9');
    const { AKAMAI_ACCESS_TOKEN: _, ...three } = ENV;
    assert.equal(findCredentials({ edgercPath, env: three }).clientToken, 'akab-c-1');
  });

  it('has a prefix of its own for each section', (t) => {
    const edgercPath = aFile(t);
    const env = prefixed('AKAMAI_CUSTOMER_B_');
    assert.equal(findCredentials({ edgercPath, section: 'Customer-B', env }).clientToken, 'c9');
    assert.equal(findCredentials({ edgercPath, section: 'default', env }).clientToken, 'akab-c-1');
    const more = { ...env, AKAMAI_CUSTOMER_B_MAX_BODY: '7', AKAMAI_CUSTOMER_B_ACCOUNT_KEY: 'K' };
    const found = findCredentials({ section: 'customer-b', env: more });
    assert.deepEqual([found.bodyBytesMax, found.accountSwitchKey], [7, 'K']);
  });

  it('names file and section where no option does', (t) => {
    const env = { EDGERC_PATH: aFile(t), AKAMAI_EDGERC_SECTION: 'custom:max_body', AKAMAI_CUSTOMER: 'nobody' };
    assert.equal(findCredentials({ env }).clientToken, 'akab-c-2');
    assert.equal(findCredentials({ env, section: 'default' }).clientToken, 'akab-c-1');
  });
});
