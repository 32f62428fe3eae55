/** Who gets which answer, whatever a node sends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { answerOf, batchAnswersOf, Failure, Fault, plainResult, Result } from '../../src/wire/jsonrpc/answer.ts';

/** An answer that carries its own id in its content, so that it can be told whom it was meant for. */
const meantFor = (id: number) => ({ jsonrpc: '2.0', id, result: { meantFor: id } });
const FIRST = 1_000;

/** What a node that lies, stutters or is broken makes of a right answer. */
const mutations = fc.array(
  fc.record({
    at: fc.nat(40),
    how: fc.constantFrom(
      'drop',
      'double',
      'swap',
      'null id',
      'no id',
      'text id',
      'fraction id',
      'strange id',
      'no object',
      'list',
      'error',
      'both',
      'neither',
      'version',
    ),
    other: fc.nat(40),
  }),
  { maxLength: 12 },
);

type Mutation = ReturnType<typeof mutations.generate>['value'][number];

function mutate(answers: unknown[], { at, how, other }: Mutation): void {
  if (answers.length === 0) return;
  const i = at % answers.length;
  const j = other % answers.length;
  const answer = answers[i] as Record<string, unknown>;
  const changed = (change: object): void => void (answers[i] = { ...answer, ...change });
  if (how === 'drop') answers.splice(i, 1);
  else if (how === 'double') answers.splice(j, 0, answer);
  else if (how === 'swap') [answers[i], answers[j]] = [answers[j], answers[i]];
  else if (how === 'null id') changed({ id: null });
  else if (how === 'no id') changed({ id: undefined });
  else if (how === 'text id') changed({ id: String(answer?.['id']) });
  else if (how === 'fraction id') changed({ id: Number(answer?.['id']) + 0.1234567 });
  else if (how === 'strange id') changed({ id: [true, {}, [], -1, 2 ** 60, FIRST + 10_000][other % 6] });
  else if (how === 'no object') answers[i] = [null, 1, 'x', true][other % 4];
  else if (how === 'list') answers[i] = [answer];
  else if (how === 'error') changed({ result: undefined, error: { code: other, message: `for ${answer?.['id']}` } });
  else if (how === 'both') changed({ error: { code: 1, message: '' } });
  else if (how === 'neither') changed({ result: undefined });
  else changed({ jsonrpc: '1.0' });
}

describe('answers', () => {
  it('of a batch: nobody gets what was meant for another, and everybody gets one thing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.boolean(), mutations, (count, strict, changes) => {
        const answers: unknown[] = Array.from({ length: count }, (_, i) => meantFor(FIRST + i));
        for (const change of changes) mutate(answers, change);
        const message: unknown = JSON.parse(JSON.stringify(answers));
        const { each, whole } = batchAnswersOf(message, FIRST, count, strict);
        assert.equal(whole, undefined);
        assert.equal(each!.length, count);
        for (const [i, answer] of each!.entries()) {
          if (answer instanceof Result) assert.deepEqual(answer.value, { meantFor: FIRST + i });
          else if (answer instanceof Failure) assert.match(answer.error.message, new RegExp(`^(for ${FIRST + i}|)$`));
          else assert(answer instanceof Fault);
        }
        if (changes.length === 0) assert(each!.every((answer) => answer instanceof Result));
      }),
      { numRuns: 5_000 },
    );
  });

  it('of a single request: only one that bears its id, or an error without any', () => {
    fc.assert(
      fc.property(fc.anything(), fc.boolean(), fc.nat(), (anything, strict, id) => {
        for (const message of [
          anything,
          { jsonrpc: '2.0', id: anything, result: 1 },
          { ...meantFor(id), id: anything },
        ]) {
          const answer = answerOf(message, id, strict);
          if (!(answer instanceof Result)) continue;
          const said = (message as { id: unknown }).id;
          assert(said === id || (!strict && (said === undefined || said === String(id))), String(said));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('of a batch as a whole: an error, or what is no list', () => {
    const error = { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Invalid Request' } };
    const { whole } = batchAnswersOf(error, 1, 2, true);
    assert(whole instanceof Failure && whole.error.code === -32600);
    for (const message of [undefined, null, 'x', 5, {}, meantFor(1), { jsonrpc: '2.0', id: null, error: 'no' }]) {
      const answers = batchAnswersOf(message, 1, 2, true);
      assert(answers.whole instanceof Fault, JSON.stringify(message));
      assert.equal(answers.each, undefined);
    }
    const one = batchAnswersOf(meantFor(1), 1, 1, false);
    assert(one.each?.[0] instanceof Result, 'a batch of one that was answered as one, when not strict');
  });

  it('say what is wrong with them, and repeat nothing that is long or no id', () => {
    const what = (message: unknown) => {
      const answer = answerOf(message, 7, true);
      return answer instanceof Fault ? answer.what : undefined;
    };
    assert.equal(what(undefined), 'is not JSON');
    assert.equal(what([]), 'is no object but a list');
    assert.equal(what(meantFor(8)), 'is to call 8, not to 7');
    assert.equal(what({ ...meantFor(7), id: '7' }), 'is to call "7", not to 7');
    assert.equal(what({ ...meantFor(7), id: 'x'.repeat(100) }), 'is to call a string, not to 7');
    assert.equal(what({ jsonrpc: '2.0', result: 1 }), 'has no id');
    assert.equal(what({ ...meantFor(7), jsonrpc: undefined }), 'says jsonrpc undefined, not "2.0"');
    assert.equal(what({ jsonrpc: '2.0', id: 7 }), 'has neither result nor error');
    assert.equal(what({ ...meantFor(7), error: null }), 'has both result and error');
    assert.equal(what({ jsonrpc: '2.0', id: 7, error: 5 }), 'has an error that is no object but a number');
    assert.equal(what({ jsonrpc: '2.0', id: 7, error: { code: 'x', message: '' } }), 'has an error whose code is "x"');
    assert.equal(what({ jsonrpc: '2.0', id: 7, error: { code: 1 } }), 'has an error whose message is nothing');
  });

  it('a result may be anything, null included', () => {
    for (const result of [null, 0, false, '', [], {}]) {
      const answer = answerOf({ jsonrpc: '2.0', id: 1, result }, 1, true);
      assert(answer instanceof Result);
      assert.equal(answer.value, result);
    }
  });
});

describe('an answer whose result alone is parsed', () => {
  const nodes = (result: string, id: number | string) => `{"jsonrpc":"2.0","result":${result},"id":${id}}`;
  const idFirst = (result: string, id: number | string) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
  const ours = (text: string, id: number) => plainResult(text, id)?.value;

  it('is one that is written as nodes write it, and bears the id', () => {
    assert.deepEqual(ours(nodes('{"context":{"slot":5},"value":[1,null]}', 12), 12), {
      context: { slot: 5 },
      value: [1, null],
    });
    assert.equal(ours(nodes('null', 7), 7), null);
    assert.equal(ours(idFirst('"0xf4240"', 123), 123), '0xf4240');
    for (const id of ['17', '70', '07', '7.0', '"7"', '-7', ' 7', '7 ']) {
      assert.equal(plainResult(nodes('1', id), 7), undefined, id);
      assert.equal(plainResult(idFirst('1', id), 7), undefined, id);
    }
  });

  it('says what the whole says, or nothing', () => {
    const parts = fc.oneof(
      fc.json(),
      fc.constantFrom(
        '',
        '1,"id":9',
        '1,"result":2',
        '1}',
        '{',
        '"',
        '"\\"',
        ',',
        '1,"error":{}',
        '1],[2',
        '{"a":1,"id":7}',
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(nodes, idFirst), parts, fc.integer({ min: 1, max: 20 }), (write, result, id) => {
        for (const asked of [id, 7]) {
          const text = write(result, id);
          const plain = plainResult(text, asked);
          if (plain !== undefined) assert.deepEqual(plain, answerOf(JSON.parse(text), asked, true));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is none that lacks an end, a beginning or everything', () => {
    for (const text of ['', '}', '7}', ',"id":7}', '{"jsonrpc":"2.0","result":,"id":7}', nodes('1', 7).slice(0, -1)]) {
      assert.equal(plainResult(text, 7), undefined, text);
    }
  });
});
