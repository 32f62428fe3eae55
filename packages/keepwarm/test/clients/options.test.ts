/** Options are checked when the client is made, and refused by name. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPTION_NAMES } from '../../src/clients/client-options.ts';
import { OPTIONS, type Rule } from '../../src/clients/options.ts';
import { type ClientOptions, createClient, NetError } from '../../src/index.ts';

function refusal(options: object): NetError {
  try {
    createClient(options as ClientOptions).destroy();
  } catch (error) {
    assert(error instanceof NetError, String(error));
    assert.deepEqual([error.code, error.reach], ['INVALID', 'unsent']);
    return error;
  }
  return assert.fail(`accepted: ${JSON.stringify(options)}`);
}

const cases = Object.entries(OPTIONS).flatMap(([group, rules]) =>
  Object.entries(rules as Record<string, Rule>).map(([name, rule]) => ({
    path: group === 'call' ? name : `${group}.${name}`,
    rule,
    with: (value: unknown): { pool?: object } =>
      group === 'call' ? { [name]: value } : { [group]: { [name]: value } },
  })),
);

/** What must be set beside an option for its bounds to make sense. */
const COMPANIONS: Readonly<Record<string, object>> = {
  'pool.idleMin': { socketsMax: 65_535 },
  'dns.ttlMsMin': { ttlMsMax: Number.POSITIVE_INFINITY },
  'dns.ttlMsMax': { ttlMsMin: 0 },
};

describe('every option', () => {
  for (const { path, rule, with: made } of cases) {
    it(`${path} takes its default and its bounds, and refuses what is beyond them`, () => {
      const edges = rule.kind === 'number' ? [rule.default, rule.min, rule.max] : rule.values;
      for (const value of edges) {
        if (path === 'pool.idleMin' && value === Number.POSITIVE_INFINITY) continue; // at most socketsMax
        const options = made(value);
        const [group] = path.split('.') as ['pool'];
        const companions = COMPANIONS[path];
        createClient(companions === undefined ? options : { [group]: { ...companions, ...options[group] } }).destroy();
      }
      const beyond = rule.kind === 'number' ? [rule.min - 1, Number.NaN, '1', null, true] : ['neither', 7, null];
      if (rule.kind === 'number' && rule.max < Number.POSITIVE_INFINITY) beyond.push(rule.max + 1);
      for (const value of beyond) {
        const { message } = refusal(made(value));
        assert(message.startsWith(`option ${path} is `), message);
        assert.match(message, /allowed: /);
      }
    });
  }
});

describe('a name that does not exist', () => {
  it('is answered with the name that was meant', () => {
    const cases: [object, RegExp][] = [
      [{ pool: { maxSockets: 5 } }, /there is no option pool\.maxSockets; use pool\.socketsMax$/],
      [{ pool: { socketMax: 5 } }, /there is no option pool\.socketMax; did you mean socketsMax\?/],
      [{ limits: { bodyByteMax: 5 } }, /did you mean bodyBytesMax\?/],
      [{ deadlineMS: 5 }, /there is no option deadlineMS; did you mean deadlineMs\?/],
      [{ Pool: {} }, /did you mean pool\?/],
      [{ connect: { familly: 4 } }, /did you mean family\?/],
      [{ timeout: 5 }, /there is no option timeout; use deadlineMs$/],
    ];
    for (const [options, message] of cases) assert.match(refusal(options).message, message);
  });

  it('is refused of a call as well, before anything is sent: it would be ignored otherwise', async () => {
    const api = createClient({ origin: 'http://127.0.0.1:1' });
    const calls: [Promise<unknown>, RegExp][] = [
      [api.get('/', { timeout: 5 } as object), /^there is no option timeout of a call; use deadlineMs$/],
      [api.get('/', { params: { a: 1 } } as object), /use query$/],
      [api.get('/', { body: 'a' } as object), /no option body of a call/],
      [api.post('/', {}, { deadlineMS: 5 } as object), /did you mean deadlineMs\?/],
      [api.request('/', { method: 'POST', json: {} } as object), /second argument of post/],
    ];
    for (const [call, message] of calls) await assert.rejects(call, { code: 'INVALID', message });
    await assert.rejects(api.get('/', { timeout: undefined } as object), { code: 'CONNECT' });
    await api.close();
  });

  it('is told from options that are none at all', () => {
    for (const none of ['https://api.example.com', 5, null]) {
      assert.match(refusal(none as never).message, /object of options, such as \{ origin/);
    }
  });

  it('is found among names inherited by every object', () => {
    refusal({ toString: 1 });
    refusal({ pool: { constructor: 1 } });
  });
});

describe('options that contradict', () => {
  it('are refused together', () => {
    assert.match(
      refusal({ pool: { idleMin: 6, socketsMax: 5 } }).message,
      /pool\.idleMin is 6, more than pool\.socketsMax 5/,
    );
  });
});

describe('options of tls', () => {
  it('are checked as all others are', () => {
    const cases: [object, RegExp][] = [
      [{ rejectUnauthorized: false }, /there is no option tls\.rejectUnauthorized; known: ca, /],
      [{ minversion: 'TLSv1.3' }, /did you mean minVersion\?/],
      [{ minVersion: 'TLSv1.1' }, /option tls\.minVersion is "TLSv1\.1"; allowed: "TLSv1\.2", "TLSv1\.3"/],
      [{ verify: 'no' }, /option tls\.verify is "no"; allowed: true, false/],
      [{ sessionsMax: -1 }, /option tls\.sessionsMax is -1; allowed: a whole number from 0/],
    ];
    for (const [tls, message] of cases) assert.match(refusal({ tls }).message, message);
    createClient({ tls: { minVersion: 'TLSv1.3', verify: true, sessionsMax: 0, ca: undefined } }).destroy();
  });
});

describe('a group', () => {
  it('is an object', () => {
    assert.match(refusal({ pool: 5 }).message, /option pool is 5; allowed: an object/);
    assert.match(refusal({ tls: null }).message, /option tls is null/);
  });
});

describe('an origin', () => {
  it('that is none is refused', () => {
    for (const origin of [
      'example.com',
      'ftp://example.com',
      'http://',
      'https://user:secret@example.com',
      'http://a:0',
    ]) {
      const { message } = refusal({ origin });
      assert.doesNotMatch(message, /secret/);
    }
  });
});

it('the table of names is complete', () => {
  const groups = Object.keys(OPTIONS).filter((group) => group !== 'call');
  const flat = [...groups, ...Object.keys(OPTIONS.call)].sort();
  const named = Object.entries(OPTION_NAMES).filter(([, other]) => !other);
  assert.deepEqual(named.map(([name]) => name).sort(), flat);
});
