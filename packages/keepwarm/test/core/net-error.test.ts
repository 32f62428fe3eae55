/** The error that everything fails with, as it is printed and copied. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inspect } from 'node:util';
import { NetError } from '../../src/core/error.ts';

const error = new NetError('TIMEOUT', 'no answer', { reach: 'unknown', phase: 'head', limit: 'firstByteMs', value: 5 });

it('printed, it shows what is known and nothing else', () => {
  const printed = inspect(error);
  for (const part of ["code: 'TIMEOUT'", "reach: 'unknown'", "limit: 'firstByteMs'", 'value: 5']) {
    assert.ok(printed.includes(part), part);
  }
  assert.doesNotMatch(printed, /undefined|origin|status|health/);
});

it('a copy with another reach or an origin keeps the rest, and takes no cause apart', () => {
  const { stack: _, ...before } = error;
  assert.deepEqual({ ...error.withReach('unsent') }, { ...before, reach: 'unsent' });
  assert.deepEqual({ ...error.about('http://a.test', 7) }, { ...before, origin: 'http://a.test', socketId: 7 });
  const caused = new NetError('RESET', 'gone', {
    reach: 'unknown',
    cause: Object.assign(new Error(), { code: 'EPIPE' }),
  });
  assert.equal(caused.withReach('unsent').cause, caused.cause);
  assert.equal(caused.about('http://a.test').systemCode, 'EPIPE');
});
