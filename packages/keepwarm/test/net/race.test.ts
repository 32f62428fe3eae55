/** The race for one connection, on a clock that is moved, between sockets that connect and fail when they are told. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { settle } from '../../src/clients/options.ts';
import { NetError } from '../../src/core/error.ts';
import { originOf } from '../../src/core/origin.ts';
import { Dialler } from '../../src/net/dial.ts';
import { DnsCache } from '../../src/net/dns.ts';
import { race, until } from '../../src/net/race.ts';
import { systemResolver } from '../../src/net/resolver.ts';
import { TlsSetup } from '../../src/net/tls.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

const listening = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

function aRace(count: number) {
  const clock = new FakeClock();
  const caller = new AbortController();
  const started: number[] = [];
  const sockets: Socket[] = [];
  const told: string[] = [];
  const addresses = Array.from({ length: count }, (_, i) => ({ address: `192.0.2.${i}`, family: 4 }) as const);
  const run = () =>
    race(
      {
        addresses,
        delayMs: 250,
        start: () => {
          started.push(clock.now());
          const socket = new Socket();
          sockets.push(socket);
          return socket;
        },
        succeeded: ({ address }) => void told.push(`${address} succeeded`),
        failed: ({ address }) => void told.push(`${address} failed`),
        failure: (last) => new NetError('CONNECT', last.message, { reach: 'unsent' }),
      },
      clock,
      caller.signal,
    );
  const destroyed = () => sockets.map((socket) => socket.destroyed);
  return { clock, caller, run, started, sockets, told, destroyed };
}

describe('a race', () => {
  it('starts the next after the delay, or as soon as one has failed, and then waits anew', async () => {
    const { clock, caller, run, started, sockets, told, destroyed } = aRace(4);
    const won = run();
    clock.advance(10);
    sockets[0]!.emit('error', new Error('refused'));
    assert.deepEqual(started, [0, 10]);
    clock.advance(249);
    assert.equal(started.length, 2);
    clock.advance(251);
    assert.deepEqual(started, [0, 10, 260, 510]);
    sockets[2]!.emit('connect');
    assert.equal((await won).socket, sockets[2]);
    assert.deepEqual(told, ['192.0.2.0 failed', '192.0.2.2 succeeded']);
    assert.deepEqual(destroyed().slice(1), [true, false, true], 'the others are given up');
    assert.deepEqual([clock.sleeping, listening(caller.signal)], [0, 0]);
  });

  it('that all have lost fails with the last of them, and not before', async () => {
    const { clock, caller, run, sockets } = aRace(2);
    const lost = assert.rejects(run(), { code: 'CONNECT', message: 'the second' });
    clock.advance(250);
    sockets[0]!.emit('error', new Error('the first'));
    assert.equal(listening(caller.signal), 1, 'one is under way');
    sockets[1]!.emit('error', new Error('the second'));
    await lost;
    assert.deepEqual([clock.sleeping, listening(caller.signal)], [0, 0]);
  });

  it('ends at once with its signal, whoever runs, and does not begin after it', async () => {
    const { clock, caller, run, sockets, destroyed } = aRace(3);
    const reason = new Error('gone');
    const given = assert.rejects(run(), reason);
    clock.advance(250);
    caller.abort(reason);
    await given;
    assert.deepEqual([destroyed(), clock.sleeping], [[true, true], 0]);
    sockets[0]!.emit('error', new Error('nobody hears this'));
    await assert.rejects(run(), reason);
    assert.equal(sockets.length, 2);
  });
});

it('work that is waited for with a signal is left to itself once that has fired, also before', async () => {
  const { signal } = new AbortController();
  assert.equal(await until(Promise.resolve(1), signal), 1);
  await assert.rejects(until(Promise.reject(new Error('failed')), signal), /failed/);
  await turn();
  assert.equal(listening(signal), 0);
  await assert.rejects(until(new Promise(() => {}), AbortSignal.abort(new Error('gone'))), /gone/);
});

it('a dial leaves neither a timer nor a listener, however it ends', async () => {
  const clock = new FakeClock();
  const dns = new DnsCache({ ...settle('dns', {}), resolver: systemResolver() }, clock, {});
  const origin = originOf(new URL('http://a.test'));
  const dial = async (connector: () => PassThrough | Promise<PassThrough>, signal: AbortSignal) => {
    const edge = () => ({ kind: 'connector', connector }) as const;
    const dialler = new Dialler(settle('connect', {}), dns, new TlsSetup({}), clock, edge);
    const onread = { buffer: Buffer.alloc(1_024), callback: () => true };
    await dialler.dial(origin, onread, signal).then(({ socket }) => socket.destroy());
  };
  const { signal } = new AbortController();
  await dial(() => new PassThrough(), signal);
  const refused = () => Promise.reject(new Error('refused'));
  await assert.rejects(dial(refused, signal), { code: 'CONNECT', reach: 'unsent' });
  const silent = () => new Promise<PassThrough>(() => {});
  await assert.rejects(dial(silent, AbortSignal.abort()), { code: 'ABORTED', reach: 'unsent' });
  const late = assert.rejects(dial(silent, signal), { code: 'TIMEOUT', limit: 'connectMs' });
  await clock.run(10_000);
  await clock.settle();
  await late;
  assert.deepEqual([clock.sleeping, listening(signal)], [0, 0]);
});
