/**
 * Random walks through a dispatch: a peer that answers, streams and fails, a handler that pauses, resumes, aborts and
 * throws, in any order. The invariants numbered at the head of exchange.ts are looked at with every callback.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FetchDoor } from '../../src/clients/fetch.ts';
import { systemClock } from '../../src/core/clock.ts';
import { NetError } from '../../src/core/error.ts';
import { type BodySink, type BodySource, Reply } from '../../src/core/reply.ts';
import { turnstileOf } from '../../src/core/turnstile.ts';
import { Endings } from '../../src/interop/undici/endings.ts';
import { DispatchExchange } from '../../src/interop/undici/exchange.ts';
import { aCall } from '../../src/testing/scripted-engine.ts';

const STEPS = ['whole', 'stream', 'data', 'end', 'fail', 'pause', 'resume', 'abort', 'settle'] as const;
type Step = (typeof STEPS)[number];

const CALLBACKS = ['start', 'answer', 'data', 'end', 'error'] as const;
type Callback = (typeof CALLBACKS)[number];

/** What the handler does when it is called back: nothing, or one of these, at one of its callbacks. */
type Mood = 'calm' | 'pauses' | 'aborts' | 'throws';

const HEAD = 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n';
const failure = () => new NetError('RESET', 'lost', { reach: 'answered', phase: 'body' });

/** A body that arrives as told, and obeys its sink. */
class Source implements BodySource {
  readonly bytesExpected: number;
  given = 0;
  sink: BodySink | undefined;
  stopped = false;
  cancelled = false;
  over = false;

  constructor(bytesExpected: number) {
    this.bytesExpected = bytesExpected;
  }

  start(sink: BodySink): void {
    this.sink = sink;
  }
  /** The next bytes, each different from those around it; what was given is written over. */
  give(count: number): void {
    const bytes = Buffer.from(Array.from({ length: count }, () => this.given++ % 251));
    this.stopped = !this.sink!.data(bytes);
    bytes.fill(255);
  }
  resume(): void {
    this.stopped = false;
  }
  cancel(): void {
    this.cancelled = true;
  }
  liftDeadline(): void {}

  get flows(): boolean {
    return this.sink !== undefined && !this.stopped && !this.cancelled && !this.over;
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Bodies of no known length, and of one that is worth putting pieces together for. */
const LENGTHS = [-1, 300_000] as const;

async function walk(steps: readonly Step[], mood: Mood, at: Callback, length: number): Promise<string[]> {
  const log: string[] = [];
  const source = new Source(length);
  let got = 0;
  let whole = '';
  const sent = Promise.withResolvers<Reply>();
  sent.promise.catch(() => undefined); // a handler that throws at the start leaves nobody to hear it
  let left = 0;
  let ended = false;

  /** What the exchange would take for a bug of the handler. */
  const violations: unknown[] = [];
  const told = (callback: Callback): void => {
    try {
      verify(callback);
    } catch (violation) {
      violations.push(violation);
    }
    if (callback === 'end' || callback === 'error') {
      ended = true;
      return;
    }
    if (callback !== at) return;
    if (mood === 'pauses') pause();
    if (mood === 'aborts') exchange.abort(new Error('enough'));
    if (mood === 'throws') throw new Error('a bug of the handler');
  };
  const verify = (callback: Callback): void => {
    log.push(callback);
    assert(!ended, `(1) ${callback} after the end`);
    const position = log.filter((entry) => entry !== 'data').length - 1;
    if (callback === 'start') assert.equal(position, 0, '(1) starts first');
    if (callback === 'answer') assert.equal(position, 1, '(1) answers once');
    if (callback === 'data' || callback === 'end') assert.equal(log[1], 'answer', `(1) ${callback} after the answer`);
    if (callback === 'data') assert(!exchange.paused, '(3) no data while it is paused');
    if (callback === 'end') assert(!exchange.paused, '(3) no end while it is paused');
  };
  const pause = (): void => exchange.pause();
  const received = (bytes: Buffer): void => {
    if (source.sink === undefined) whole += bytes.toString();
    else for (const byte of bytes) if (byte !== got++ % 251) violations.push(new Error(`byte ${got - 1} is another`));
  };
  const handler = {
    onRequestStart: () => told('start'),
    onResponseStart: () => told('answer'),
    onResponseData: (_: unknown, bytes: Buffer) => {
      received(bytes);
      told('data');
    },
    onResponseEnd: () => told('end'),
    onResponseError: () => told('error'),
  };
  const exchange = new DispatchExchange(handler, undefined, new Endings(), () => left++);
  const door: FetchDoor = {
    turnstile: () => turnstileOf(systemClock),
    turn: (task) => void setImmediate(task),
    makeCall: () => aCall(),
    send: () => sent.promise,
  };

  exchange.start(door, { origin: 'http://a.example', path: '/', method: 'GET' });
  const acts: Record<Step, () => unknown> = {
    whole: () => sent.resolve(new Reply(200, HEAD, Buffer.from('whole'), false, 1, false)),
    stream: () => sent.resolve(new Reply(200, HEAD, source, false, 1, false)),
    data() {
      if (source.flows) source.give(length < 0 ? 4 : Math.min(100_000, length - source.given));
    },
    end() {
      if (!source.flows) return;
      source.over = true;
      source.sink!.end(['X-T: 1']);
    },
    fail() {
      sent.reject(failure());
      if (!source.flows) return;
      source.over = true;
      source.sink!.fail(failure());
    },
    pause,
    resume: () => exchange.resume(),
    abort() {
      exchange.abort(new Error('enough'));
      assert(ended, '(2) an abort is answered before it returns');
    },
    settle,
  };
  for (const step of steps) await acts[step]();
  for (let i = 0; i < 3; i++) {
    await settle();
    exchange.resume();
  }
  const spoilt = steps.includes('abort') || steps.includes('fail') || mood === 'aborts' || mood === 'throws';
  const first = steps.find((step) => step === 'whole' || step === 'stream') === 'whole';
  if (first && !spoilt) assert.deepEqual([log.slice(1), whole], [['answer', 'data', 'end'], 'whole'], '(1) all of it');
  if (ended && !spoilt) assert.equal(got, source.given, '(1) every byte is given before the end');
  if (!ended) exchange.abort(new Error('the walk is over'));
  if (violations.length > 0) throw violations[0];
  assert(ended, '(1) it ends');
  assert.equal(left, 1, '(1) it leaves once');
  assert.equal(log.filter((entry) => entry === 'end' || entry === 'error').length, 1, '(1) one end');
  if (source.sink !== undefined && log.at(-1) === 'error')
    assert(source.cancelled || source.over, '(1) nothing is left');
  exchange.resume();
  exchange.pause();
  exchange.abort();
  return log;
}

describe('a dispatch', () => {
  it('keeps its invariants on any walk', async () => {
    const seen = new Set<string>();
    const beginning = fc.constantFrom<Step[]>([], ['whole', 'settle'], ['stream', 'settle']);
    const rest = fc.array(fc.constantFrom(...STEPS), { maxLength: 14 });
    const steps = fc.tuple(beginning, rest).map((parts) => parts.flat());
    const mood = fc.constantFrom<Mood>('calm', 'pauses', 'aborts', 'throws');
    const at = fc.constantFrom(...CALLBACKS.slice(0, 3));
    const property = fc.asyncProperty(steps, mood, at, fc.constantFrom(...LENGTHS), async (...how) => {
      for (const entry of await walk(...how)) seen.add(entry);
    });
    await fc.assert(property, { numRuns: 2_000 });
    assert.deepEqual([...seen].sort(), [...CALLBACKS].sort(), 'the walks went everywhere');
  });
});
