import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { type Abortable, listen, unlisten } from '../../src/core/abort.ts';

interface Party extends Abortable {
  readonly reasons: unknown[];
}

function aParty(onAbort: () => void = () => {}): Party {
  const reasons: unknown[] = [];
  return {
    reasons,
    aborted(reason) {
      reasons.push(reason);
      onAbort();
    },
  };
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('listening to a signal', () => {
  it('puts one listener on a signal that ten thousand calls share, and tells each of them once', () => {
    const controller = new AbortController();
    const parties = Array.from({ length: 10_000 }, () => aParty());
    for (const party of parties) listen(controller.signal, party);
    assert.equal(listeners(controller.signal), 1);
    const reason = new Error('gone');
    controller.abort(reason);
    assert.ok(parties.every(({ reasons }) => reasons.length === 1 && reasons[0] === reason));
    assert.equal(listeners(controller.signal), 0);
  });

  it('tells those who stay, in their order, however many have come and gone', () => {
    const controller = new AbortController();
    const told: number[] = [];
    const stay = Array.from({ length: 40 }, (_, i) => aParty(() => void told.push(i)));
    const gone: Party[] = [];
    for (let i = 0; i < 4_000; i++) {
      if (i % 100 === 0) listen(controller.signal, stay[i / 100]!);
      const passing = aParty();
      gone.push(passing);
      listen(controller.signal, passing);
      unlisten(controller.signal, passing);
    }
    assert.equal(listeners(controller.signal), 1);
    controller.abort();
    assert.deepEqual(told, [...stay.keys()]);
    assert.ok(gone.every(({ reasons }) => reasons.length === 0));
  });

  it('tells none of a thousand whom the first made stop listening while the signal fired', () => {
    const controller = new AbortController();
    const others = Array.from({ length: 1_000 }, () => aParty());
    const first = aParty(() => {
      for (const other of others.slice(1)) unlisten(controller.signal, other);
    });
    for (const party of [first, ...others]) listen(controller.signal, party);
    controller.abort();
    assert.deepEqual(
      others.map(({ reasons }) => reasons.length),
      [1, ...new Array(999).fill(0)],
    );
  });

  it('tells nobody who has stopped listening', () => {
    const controller = new AbortController();
    const [stays, goes] = [aParty(), aParty()];
    listen(controller.signal, stays);
    listen(controller.signal, goes);
    unlisten(controller.signal, goes);
    controller.abort();
    assert.deepEqual([stays.reasons.length, goes.reasons.length], [1, 0]);
  });

  it('does not tell one whom another made stop listening while the signal fired', () => {
    const controller = new AbortController();
    const second = aParty();
    const first = aParty(() => unlisten(controller.signal, second));
    listen(controller.signal, first);
    listen(controller.signal, second);
    controller.abort();
    assert.deepEqual([first.reasons.length, second.reasons.length], [1, 0]);
  });

  it('lets a party stop listening, itself included, while and after the signal fires', () => {
    const controller = new AbortController();
    const party: Party = aParty(() => unlisten(controller.signal, party));
    listen(controller.signal, party);
    controller.abort();
    unlisten(controller.signal, party);
    assert.equal(party.reasons.length, 1);
  });

  it('keeps its one listener while calls come and go on one signal', () => {
    const { signal } = new AbortController();
    let added = 0;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      added++;
      add(...args);
    };
    for (let call = 0; call < 10_000; call++) {
      const party = aParty();
      listen(signal, party);
      unlisten(signal, party);
    }
    assert.equal(added, 1);
    assert.equal(listeners(signal), 1);
  });

  it('lets go of signals nobody listens to any more: a signal per call must not pile up', () => {
    const signals = Array.from({ length: 1_000 }, () => new AbortController().signal);
    for (const signal of signals) {
      const party = aParty();
      listen(signal, party);
      unlisten(signal, party);
    }
    const held = signals.filter((signal) => listeners(signal) > 0).length;
    assert.ok(held <= 64, `${held} of 1,000 signals still have a listener`);
  });

  it('hears a signal again that it had let go of', () => {
    const controller = new AbortController();
    const early = aParty();
    listen(controller.signal, early);
    unlisten(controller.signal, early);
    for (let i = 0; i < 200; i++) {
      const { signal } = new AbortController();
      const passing = aParty();
      listen(signal, passing);
      unlisten(signal, passing);
    }
    const party = aParty();
    listen(controller.signal, party);
    assert.equal(listeners(controller.signal), 1);
    controller.abort();
    assert.deepEqual([early.reasons.length, party.reasons.length], [0, 1]);
  });

  it('never lets go of a signal that somebody listens to', () => {
    const controllers = Array.from({ length: 200 }, () => new AbortController());
    const parties = controllers.map(({ signal }) => {
      const [stays, goes] = [aParty(), aParty()];
      listen(signal, goes);
      unlisten(signal, goes);
      listen(signal, stays);
      return stays;
    });
    for (const controller of controllers) controller.abort();
    assert.ok(parties.every(({ reasons }) => reasons.length === 1));
  });

  it('harms nobody when told to stop listening to what it never heard', () => {
    unlisten(new AbortController().signal, aParty());
  });
});
