/** Environment variables are checked as strictly as options, and refused by their own names. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient, optionsFromEnv } from '../../src/index.ts';

describe('optionsFromEnv', () => {
  it('reads every variable into the option it stands for', () => {
    const env = {
      KEEP_ALIVE_ENABLED: 'false',
      KEEP_ALIVE_MSECS: '15000',
      MAX_SOCKETS: '20',
      MAX_FREE_SOCKETS: '5',
      CONNECTION_TIMEOUT: '3000',
      SOCKET_SCHEDULING: 'FIFO',
      TCP_NO_DELAY: '0',
      RESPONSE_SIZE_LIMIT: '1048576',
      CLEANUP_PERIOD_MS: '60000',
      MAX_SOCKET: 'another program’s',
    };
    const options = optionsFromEnv(env);
    assert.deepEqual(options, {
      pool: { requestsMax: 1, socketsMax: 20, idleMax: 5, scheduling: 'fifo', idleMs: 60_000 },
      connect: { tcpKeepAliveMs: 15_000, connectMs: 3_000, noDelay: false },
      limits: { bodyBytesMax: 1_048_576 },
    });
    createClient(options).destroy();
  });

  it('leaves out what is not set or empty', () => {
    assert.deepEqual(optionsFromEnv({ MAX_SOCKETS: '', TCP_NO_DELAY: ' ' }), {});
    assert.deepEqual(optionsFromEnv({}), {});
    assert.deepEqual(optionsFromEnv({ KEEP_ALIVE_ENABLED: 'TRUE' }), {
      pool: { requestsMax: Number.POSITIVE_INFINITY },
    });
    assert.deepEqual(optionsFromEnv({ KEEP_ALIVE_MSECS: 'Infinity' }), {
      connect: { tcpKeepAliveMs: Number.POSITIVE_INFINITY },
    });
  });

  it('reads the environment of the process unless given another', () => {
    process.env['MAX_FREE_SOCKETS'] = '7';
    try {
      assert.equal(optionsFromEnv().pool?.idleMax, 7);
    } finally {
      delete process.env['MAX_FREE_SOCKETS'];
    }
  });

  it('refuses what cannot be meant, with the variable, its value and what is allowed', () => {
    const cases: [string, string, string][] = [
      ['MAX_SOCKETS', '0', '0; allowed: a whole number from 1 to 65535'],
      ['MAX_SOCKETS', '-1', '"-1"; allowed: a whole number from 1 to 65535'],
      ['MAX_SOCKETS', '5O', '"5O"; allowed: a whole number from 1 to 65535'],
      ['MAX_SOCKETS', '1e3', '"1e3"; allowed: a whole number from 1 to 65535'],
      ['MAX_SOCKETS', 'NaN', '"NaN"; allowed: a whole number from 1 to 65535'],
      ['KEEP_ALIVE_MSECS', '30s', '"30s"; allowed: a number from 1000 to Infinity'],
      ['KEEP_ALIVE_ENABLED', 'maybe', '"maybe"; allowed: true, false'],
      ['TCP_NO_DELAY', 'yes', '"yes"; allowed: true, false'],
      ['SOCKET_SCHEDULING', 'random', '"random"; allowed: "lifo", "fifo"'],
      ['CLEANUP_PERIOD_MS', '0', '0; allowed: a number from 1 to Infinity'],
    ];
    for (const [name, value, told] of cases) {
      assert.throws(() => optionsFromEnv({ [name]: value }), {
        code: 'INVALID',
        message: `environment variable ${name} is ${told}`,
      });
    }
  });
});
