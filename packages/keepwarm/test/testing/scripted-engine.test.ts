import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, aReply, failure, later, never, scripted } from '../../src/testing/scripted-engine.ts';

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it succeeded',
    (error: NetError) => `${error.code} ${error.reach}`,
  );

describe('a scripted engine', () => {
  it('plays its lines in order and notes every call', async () => {
    const engine = scripted([503, failure('RESET', 'unknown'), { status: 201, headers: { a: 'b' }, body: { c: 1 } }]);
    assert.equal((await engine(aCall({ path: '/first' }))).status, 503);
    assert.equal(await codeOf(engine(aCall({ path: '/second' }))), 'RESET unknown');
    const reply = await engine(aCall({ path: '/third' }));
    assert.deepEqual([reply.status, reply.headers.get('A'), await reply.json()], [201, 'b', { c: 1 }]);
    assert.deepEqual(
      engine.calls.map(({ path }) => path),
      ['/first', '/second', '/third'],
    );
  });

  it('fails a test that makes more calls than it has lines', async () => {
    const engine = scripted([200]);
    await engine(aCall());
    assert.throws(() => engine(aCall()), /has 1 lines and met call 2/);
  });

  it('asks a function for a line, by the call and by its number', async () => {
    const byCall = scripted([({ method }) => (method === 'GET' ? 200 : 405)]);
    assert.equal((await byCall(aCall({ method: 'PUT' }))).status, 405);
    const byNumber = scripted((_, index) => 200 + index);
    assert.deepEqual([(await byNumber(aCall())).status, (await byNumber(aCall())).status], [200, 201]);
  });

  it('takes its time on the clock it was given', async () => {
    const clock = new FakeClock();
    const engine = scripted([later(40, 200), later(10, failure('CONNECT', 'unsent'))], clock);
    const slow = engine(aCall());
    await clock.run(5);
    const failing = codeOf(engine(aCall()));
    assert.deepEqual([engine.inFlight(), engine.instants], [2, [0, 5]]);
    await clock.run(10);
    assert.equal(await failing, 'CONNECT unsent');
    assert.equal(engine.inFlight(), 1);
    await clock.run(25);
    assert.deepEqual([(await slow).status, clock.sleeping], [200, 0]);
  });

  it('says so when it has delays and no clock', async () => {
    await assert.rejects(scripted([later(1, 200)])(aCall()), /needs the clock/);
  });

  it('ends a call at once when its caller aborts, also before it began', async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const engine = scripted([never, 200], clock);
    const pending = codeOf(engine(aCall({ signal: caller.signal })));
    caller.abort();
    assert.deepEqual([engine.inFlight(), clock.sleeping], [0, 0]);
    assert.equal(await pending, 'ABORTED unknown');
    assert.equal(await codeOf(engine(aCall({ signal: caller.signal }))), 'ABORTED unsent');
  });

  it('ends a call at its deadline, also one that has passed', async () => {
    const clock = new FakeClock();
    const engine = scripted([never, later(100, 200), 200], clock);
    const pending = [codeOf(engine(aCall({ deadlineAt: 100 }))), codeOf(engine(aCall({ deadlineAt: 100 })))];
    await clock.run(100);
    assert.deepEqual(await Promise.all(pending), ['DEADLINE unknown', 'DEADLINE unknown']);
    assert.equal(await codeOf(engine(aCall({ deadlineAt: 100 }))), 'DEADLINE unsent');
  });

  it('makes replies anew, or hands over the very one', async () => {
    const mine = aReply({ body: 'mine' });
    const engine = scripted(() => ({ body: 'text' }));
    const [one, other] = [await engine(aCall()), await engine(aCall())];
    assert.deepEqual([await one.text(), await other.text()], ['text', 'text']);
    assert.equal(await scripted([mine])(aCall()), mine);
    assert.deepEqual([aReply(204).status, aReply().status, mine.ended], [204, 200, true]);
  });

  it('keeps apart what is a failure and what is a mistake in a script', () => {
    const { code, reach, systemCode } = failure('DNS', 'unsent', { systemCode: 'ENOTFOUND' });
    assert.deepEqual([code, reach, systemCode], ['DNS', 'unsent', 'ENOTFOUND']);
    assert.ok(failure('RESET', 'unknown') instanceof NetError);
  });
});
