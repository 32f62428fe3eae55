import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { NetError } from 'keepwarm';
import { LOGS_DEFAULTS, parseLogs } from '../src/config/logs.ts';
import { type Log, logTo } from '../src/logs/log.ts';
import { logFacts } from '../src/logs/log-facts.ts';
import { scrubbed } from '../src/logs/scrub.ts';
import { summaryOf } from '../src/logs/summary.ts';
import { ask, httpServer, Opened, startGateway } from './fixtures.ts';

const SECRET = 'hunter2-hunter2';

function logging(options: object = {}): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(...text.trimEnd().split('\n'));
  return { log: logTo({ write }, { ...LOGS_DEFAULTS, ...options }), lines };
}

const error = new NetError('CONNECT', `https://me:${SECRET}@host/${SECRET}`, { reach: 'unsent', phase: 'connect' });
const call = { call: 1, method: 'GET', origin: 'https://host', section: '', attempt: 1, endpoint: undefined };

describe('logs', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('are objects, one per line, for machines', () => {
    const { log, lines } = logging();
    log.info('reloaded', { kept: ['a'], tookMs: 1.23456 });
    log.debug('too little to be written');
    const [line] = lines.map((text) => JSON.parse(text));
    assert.deepEqual(
      { ...line, time: 'some' },
      { level: 'info', time: 'some', kept: ['a'], tookMs: 1.235, msg: 'reloaded' },
    );
    assert.ok(!Number.isNaN(Date.parse(line.time)));
    assert.equal(lines.length, 1);
  });

  it('are short for people', () => {
    const { log, lines } = logging({ format: 'text', level: 'debug' });
    logFacts('api', log).breakerClosed?.({ breaker: 'b', by: 'probe' });
    logFacts('api', log).socketOpenFailed?.({ origin: 'https://host', section: '', error, elapsedMs: 12.345 });
    assert.match(lines[0]!, /^\d\d:\d\d:\d\d info {2}breaker closed upstream=api breaker=b by=probe$/);
    assert.match(
      lines[1]!,
      /warn {2}could not connect upstream=api origin=https:\/\/host elapsedMs=12\.3 error\.code=CONNECT/,
    );
  });

  it('hold no secret, whatever they are given', () => {
    for (const format of ['json', 'text']) {
      const { log, lines } = logging({ format });
      const told = logFacts('api', log, { ...LOGS_DEFAULTS, calls: 'all' });
      told.failed?.({ ...call, error, totalMs: 1 });
      told.socketOpenFailed?.({ origin: 'https://host', section: '', error, elapsedMs: 1 });
      log.error(`cannot reach https://me:${SECRET}@host/path?key=${SECRET}`, {
        error: new Error(`Bearer ${SECRET}`),
        token: SECRET,
        Cookie: SECRET,
        deeper: {
          deeper: { token: SECRET, 'X-Api-Key': SECRET },
          authorization: SECRET,
          headers: { 'x-token': SECRET },
          why: `wss://h/?k=${SECRET}`,
        },
      });
      log.error(`${'a '.repeat(990)}https://me:${SECRET}${'.'.repeat(100)}@host`);
      log.error(`https://me:p@${SECRET}@host/`);
      assert.equal(lines.length, 5);
      assert.ok(!lines.join('\n').includes(SECRET), lines.join('\n'));
    }
    assert.equal(scrubbed('see https://a/b?c=d for it'), 'see https://a/b?[redacted] for it');
  });

  it('give no orders to a terminal, whatever a caller calls its methods', () => {
    const { log, lines } = logging({ format: 'text', calls: 'all' });
    const operation = '\u001b]0;mine\u0007\u001b[2J\u009b1mx\nanother line';
    logFacts('chain', log, { ...LOGS_DEFAULTS, calls: 'all' }).failed?.({ ...call, operation, error, totalMs: 1 });
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0]!, /\p{Cc}/u);
    assert.match(lines[0]!, /operation=.*mine.*x \| another line/);
  });

  it('tell calls as they are asked to: none, those that failed, all', () => {
    const count = (calls: 'none' | 'failed' | 'all'): number => {
      const { log, lines } = logging();
      const told = logFacts('api', log, { ...LOGS_DEFAULTS, calls });
      told.failed?.({ ...call, error, totalMs: 1 });
      told.replied?.({ ...call, status: 200, socketId: 1, reused: true, headMs: 1, totalMs: 1 });
      return lines.length;
    };
    assert.deepEqual([count('none'), count('failed'), count('all')], [0, 1, 2]);
  });

  it('are bounded: of a flood ten lines a second, and how many were left out', () => {
    const { log, lines } = logging();
    const told = logFacts('api', log);
    for (let i = 0; i < 5_000; i++) told.failed?.({ ...call, error, totalMs: 1 });
    assert.ok(lines.length >= 10 && lines.length <= 60, String(lines.length));
  });

  it('say of a peer that cannot be reached once that it is so, each reason by itself, and that it is back', () => {
    const { log, lines } = logging();
    const facts = logFacts('api', log);
    const lost = { origin: 'https://host', section: '', elapsedMs: 1 };
    for (let i = 0; i < 100; i++) facts.socketOpenFailed?.({ ...lost, error });
    facts.socketOpenFailed?.({ ...lost, error: new NetError('DNS', 'no such name', { reach: 'unsent' }) });
    for (let i = 0; i < 100; i++) {
      facts.failed?.({ ...call, error: new NetError('OPEN', 'refused', { reach: 'unsent' }), totalMs: 1 });
    }
    const opened = { socketId: 1, origin: 'https://host', section: '', address: '', dnsMs: 1, tcpMs: 1, tlsMs: 1 };
    for (const socketId of [1, 2]) facts.socketOpened?.({ ...opened, socketId } as never);
    const said = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      said.map(({ msg, error: told }) => [msg, told?.code]),
      [
        ['could not connect', 'CONNECT'],
        ['could not connect', 'DNS'],
        ['call failed', 'OPEN'],
        ['connected again', undefined],
      ],
    );
    assert.ok(said[3].lostMs >= 0);
  });

  it('say nothing at all when they should', () => {
    const { log, lines } = logging({ level: 'silent' });
    log.error('x');
    assert.deepEqual([lines, logFacts('api', log)], [[], {}]);
  });

  it('sum an upstream up', async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const { gateway, url } = opened.add(await startGateway({ api: upstream.origin }));
    await ask(`${url}/api/`);
    const told = summaryOf(gateway.upstreams[0]!) as Record<string, number>;
    assert.equal(told['callsSinceStart'], 1);
    assert.ok(told['sockets']! >= 1);
  });

  for (const [given, message] of [
    [{ level: 'loud' }, /logs\.level is "loud"; allowed: debug, info, warn, error, silent/],
    [{ summaryMs: 10 }, /logs\.summaryMs is 10; allowed: 0 for none, or at least 1000/],
    [{ colour: true }, /logs\.colour is not an option; known: level, format, calls, summaryMs/],
  ] as const) {
    it(`refuse ${JSON.stringify(given)}`, () => {
      assert.throws(() => parseLogs(given), message);
    });
  }
});
