/** A peer that is away for a while: calls must fail fast, and return with the peer, not as a herd. */
import type { Client } from 'keepwarm';
import { figuresOf, isOk, quantile, recoveryMs } from '../figures.ts';
import { loadOn } from '../load.ts';
import { SLOT_MS } from '../peer/tally.ts';
import { EXTRA, type Expectation, expect, expectSpeed, NEARLY_ALL, type Row } from '../row.ts';

/** A breaker for troubles of a second: its default waits are for those of minutes. */
const BREAKER = { failingMs: 100, openMs: 200, openMsMax: 400 };
const BREAKER_SAID = 'breaker (failingMs 100, openMs 200, openMsMax 400)';

const CALLS_PER_SECOND = 200;

/** Whatever the machine does: a call that ended with `OPEN` has left nothing on the wire. */
const REFUSED_UNSENT = expect(
  'what the breaker refuses is not sent: requests ≤ admitted calls + repeats',
  ({ wire, calls, ends, more }) => wire <= calls - (ends['OPEN'] ?? 0) + more['repeats']!,
);

/** Whatever the machine does: nothing is lost, and nothing ends otherwise. */
const endsAmong = (...codes: readonly string[]): Expectation =>
  expect(`each call is answered or ends with ${codes.join(', ')}`, ({ ends, ok, calls }) => {
    return codes.reduce((sum, code) => sum + (ends[code] ?? 0), ok) === calls;
  });

/** Attempts beyond the first, and replays on another connection. */
const repeatsOf = (client: Client): number => {
  const { policies, reuse } = client.stats();
  return (policies.retry?.retried ?? 0) + reuse.hops;
};

const flapping: Row = {
  name: 'flapping peer',
  fault: 'up for 1 s, down for 1 s, repeatedly',
  policies: BREAKER_SAID,
  expected: [
    expectSpeed('half of the failures take ≤ 50 ms', ({ failedMs }) => failedMs <= 50),
    expectSpeed('while it is down, ≤ 10 % of the calls are sent', ({ more }) => more['sent while away']! <= 0.1),
    expectSpeed('≥ 50 % of the calls made while it is up succeed', ({ more }) => more['ok while up']! >= 0.5),
    REFUSED_UNSENT,
    endsAmong('RESET', 'CONNECT', 'OPEN'),
  ],
  async run(stage) {
    const phaseMs = stage.pick(1_000, 400);
    const served = await stage.serve({ fault: { kind: 'flapping', upMs: phaseMs, downMs: phaseMs } });
    const client = stage.client({ origin: served.origin, breaker: BREAKER });
    const seconds = (phaseMs * stage.pick(10, 4)) / 1_000;
    const outcomes = await loadOn(client, { calls: CALLS_PER_SECOND * seconds, perSecond: CALLS_PER_SECOND });
    const seen = await served.close();
    const isUp = (elapsedMs: number) => elapsedMs % (2 * phaseMs) < phaseMs;
    const up = outcomes.filter(({ startedMs }) => isUp(startedMs - seen.epochMs));
    const sentAway = seen.receivedBy.filter((_count, slot) => !isUp(slot * SLOT_MS)).reduce((sum, n) => sum + n, 0);
    return figuresOf(outcomes, seen, {
      repeats: repeatsOf(client),
      'ok while up': up.filter(isOk).length / up.length,
      'sent while away': sentAway / (outcomes.length - up.length),
    });
  },
};

const dead: Row = {
  name: 'peer dead, then up',
  fault: 'for 2 s every connection is reset',
  policies: `retry, ${BREAKER_SAID}`,
  expected: [
    expectSpeed('half of the failures take ≤ 150 ms', ({ failedMs }) => failedMs <= 150),
    expectSpeed('≤ 60 connections in any 100 ms, including its return', ({ connectsPeak }) => connectsPeak <= 60),
    expectSpeed('≤ 20 connections per second while it is down', ({ more }) => more['connections/s while dead']! <= 20),
    expectSpeed('calls succeed again ≤ 2 s after its return', ({ more }) => more['recovered after ms']! <= 2_000),
    REFUSED_UNSENT,
    endsAmong('RESET', 'CONNECT', 'OPEN'),
  ],
  async run(stage) {
    const fromMs = stage.pick(1_000, 200);
    const untilMs = fromMs + stage.pick(2_000, 700);
    const served = await stage.serve({ fault: { kind: 'dead', fromMs, untilMs } });
    const client = stage.client({ origin: served.origin, retry: true, breaker: BREAKER });
    const seconds = (untilMs + stage.pick(3_000, 700)) / 1_000;
    const outcomes = await loadOn(client, { calls: CALLS_PER_SECOND * seconds, perSecond: CALLS_PER_SECOND });
    const seen = await served.close();
    // The first connections of the outage are how we learn of it: one for each call of that moment.
    const learnt = Math.ceil((fromMs + 200) / SLOT_MS);
    const slots = seen.acceptedBy.slice(learnt, Math.floor(untilMs / SLOT_MS));
    return figuresOf(outcomes, seen, {
      repeats: repeatsOf(client),
      'connections/s while dead': slots.reduce((sum, n) => sum + n, 0) / ((slots.length * SLOT_MS) / 1_000),
      'recovered after ms': recoveryMs(outcomes, seen.epochMs + untilMs),
      'median ms of what succeeds': quantile(
        outcomes.filter(isOk).map(({ tookMs }) => tookMs),
        0.5,
      ),
    });
  },
};

/** Ten times what an answer takes. */
const ATTEMPT_MS = 100;

const silent: Row = {
  name: 'black-holed peer',
  fault: 'for 3 s the peer accepts everything and answers nothing',
  policies: `retry (attemptMs ${ATTEMPT_MS}), ${BREAKER_SAID}, deadlineMs 1,000`,
  expected: [
    expectSpeed('at least three quarters of the calls are not sent', ({ more }) => more['sent while silent']! <= 0.25),
    REFUSED_UNSENT,
    endsAmong('TIMEOUT', 'OPEN', 'DEADLINE'),
    expectSpeed('half of the failures take ≤ 50 ms', ({ failedMs }) => failedMs <= 50),
    expectSpeed('calls succeed again ≤ 2 s after its return', ({ more }) => more['recovered after ms']! <= 2_000),
  ],
  async run(stage) {
    const fromMs = stage.pick(1_000, 200);
    const untilMs = fromMs + stage.pick(3_000, 900);
    const served = await stage.serve({ fault: { kind: 'dead', fromMs, untilMs, silent: true } });
    const retry = { attemptMs: ATTEMPT_MS };
    const client = stage.client({ origin: served.origin, retry, breaker: BREAKER, deadlineMs: 1_000 });
    const seconds = (untilMs + stage.pick(3_000, 700)) / 1_000;
    const outcomes = await loadOn(client, { calls: CALLS_PER_SECOND * seconds, perSecond: CALLS_PER_SECOND });
    const seen = await served.close();
    const sent = seen.receivedBy.slice(fromMs / SLOT_MS, untilMs / SLOT_MS).reduce((sum, count) => sum + count, 0);
    return figuresOf(outcomes, seen, {
      repeats: repeatsOf(client),
      'sent while silent': sent / ((CALLS_PER_SECOND * (untilMs - fromMs)) / 1_000),
      'recovered after ms': recoveryMs(outcomes, seen.epochMs + untilMs),
    });
  },
};

const restart: Row = {
  name: 'peer restarts',
  fault: 'every connection is reset, and the peer is down for 50 ms',
  policies: 'retry, breaker',
  expected: [NEARLY_ALL, expect('the breaker stays closed', ({ more }) => more['breaker opened'] === 0), ...EXTRA],
  async run(stage) {
    const fromMs = stage.pick(1_000, 300);
    const served = await stage.serve({ fault: { kind: 'dead', fromMs, untilMs: fromMs + 50 } });
    const client = stage.client({ origin: served.origin, retry: true, breaker: true });
    const outcomes = await loadOn(client, { calls: stage.pick(2_000, 400), perSecond: stage.pick(500, 400) });
    const { breakers = [] } = client.stats().policies.breaker ?? {};
    const opened = breakers.reduce((sum, breaker) => sum + breaker.opened, 0);
    return figuresOf(outcomes, await served.close(), { 'breaker opened': opened });
  },
};

export const OUTAGES: readonly Row[] = [flapping, dead, silent, restart];
