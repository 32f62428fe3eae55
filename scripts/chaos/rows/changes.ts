/** A peer that is somebody else than it was: another address, another certificate. */
import { makeAuthority } from 'keepwarm/testing';
import { figuresOf, together } from '../figures.ts';
import { loadOn } from '../load.ts';
import { expect, type Row } from '../row.ts';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const CALLS_PER_SECOND = 300;
const TTL_MS = 100;

const address: Row = {
  name: 'address changes',
  fault: `under load the name moves to another address (TTL ${TTL_MS} ms); the old one closes its connections later`,
  policies: 'retry, dns (ttlMsMin 0, staleMs 0), pool (ageMs 200)',
  expected: [
    expect('every idempotent call succeeds', ({ readsOk }) => readsOk === 1),
    expect('one TTL after the change, no connection goes to the old address', ({ more }) => more['late at old'] === 0),
    expect('the new address is used', ({ more }) => more['connections at new']! > 0),
  ],
  async run(stage) {
    const old = await stage.serve({ fault: { kind: 'none' } });
    const next = await stage.serve({ fault: { kind: 'none' }, host: '127.0.0.2', port: old.port });
    let current = old.host;
    const client = stage.client({
      origin: `http://moving.test:${old.port}`,
      retry: true,
      dns: {
        resolver: async () => ({ addresses: [{ address: current, family: 4 }], ttlMs: TTL_MS }),
        ttlMsMin: 0,
        staleMs: 0,
      },
      pool: { ageMs: 200 },
    });
    const phaseMs = stage.pick(3_000, 400);
    const calls = (3 * phaseMs * CALLS_PER_SECOND) / 1_000;
    const load = loadOn(client, { calls, perSecond: CALLS_PER_SECOND });
    await wait(phaseMs);
    current = next.host;
    // A connection that was being opened at that moment may still arrive.
    await wait(TTL_MS + stage.pick(50, 500));
    const { accepted } = await old.seen();
    await wait(phaseMs);
    const seenOld = await old.close();
    const outcomes = await load;
    const seenNext = await next.close();
    return figuresOf(outcomes, together([seenOld, seenNext]), {
      'late at old': seenOld.accepted - accepted,
      'connections at new': seenNext.accepted,
    });
  },
};

const certificate: Row = {
  name: 'certificate swapped',
  fault: 'the peer returns with a certificate from another authority',
  policies: 'retry, tls (ca: the first authority)',
  expected: [
    expect('every call fails with TLS', ({ ends, calls }) => ends['TLS'] === calls),
    expect('none is repeated: one connection each', ({ connects, calls }) => connects === calls),
    expect('no byte of a request reaches the new peer', ({ wire }) => wire === 0),
    expect('all calls before it succeed', ({ more }) => more['failed before'] === 0),
  ],
  async run(stage) {
    const trusted = makeAuthority('the authority we trust');
    const stranger = makeAuthority('the authority of somebody else');
    const calls = stage.pick(200, 20);
    const first = await stage.serve({ fault: { kind: 'none' }, tls: trusted.issue() });
    const client = stage.client({
      origin: `https://localhost:${first.port}`,
      retry: true,
      tls: { ca: trusted.cert },
      connect: { family: 4 },
    });
    const before = await loadOn(client, { calls, concurrency: 5 });
    await first.close();
    const second = await stage.serve({ fault: { kind: 'none' }, port: first.port, tls: stranger.issue() });
    const outcomes = await loadOn(client, { calls, concurrency: 1 });
    return figuresOf(outcomes, await second.close(), {
      'failed before': before.filter(({ end }) => end !== 'ok').length,
    });
  },
};

export const CHANGES: readonly Row[] = [address, certificate];
