/** Subscriptions whose streams are lost: what was missed follows, nothing comes twice, and what is gone is said. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommitmentLevel } from '../../../src/yellowstone.ts';
import { aGeyser, subscribed, type Told, until, upTo, writes } from './a-geyser.ts';

const gaps = (all: readonly Told[]) =>
  all.flatMap((told) => (told.kind === 'gap' ? [`${told.reason} ${told.from}-${told.to}`] : []));

describe('a subscription whose stream is lost', () => {
  for (const commitment of [CommitmentLevel.PROCESSED, CommitmentLevel.CONFIRMED]) {
    const level = CommitmentLevel[commitment];
    it(`misses nothing and repeats nothing over 20 losses and 20,000 updates (${level})`, async (t) => {
      const { geyser, yellowstone } = await aGeyser(t, {
        accountsPerSlot: 90,
        transactionsPerSlot: 10,
        replaySlots: 300,
      });
      const stream = yellowstone.subscribe({ commitment, accounts: { a: {} }, transactions: { t: {} } });
      await subscribed(geyser, 1);
      const all: Told[] = [];
      const reading = (async () => {
        for await (const each of stream) all.push(each);
      })();
      for (let loss = 1; loss <= 20; loss++) {
        for (let i = 0; i < 10; i++) geyser.advance();
        // A slot is under way: half of it has been told, the rest comes while nobody listens.
        for (let i = 0; i < 5; i++) geyser.account();
        await until(() => geyser.stats().updatesWaiting === 0);
        if (loss % 4 === 0) geyser.lag();
        else geyser.reset();
        geyser.advance();
        await subscribed(geyser, 1 + loss);
      }
      geyser.advance(4);
      const accounts = 20 * (10 * 90 + 5 + 90) + 4 * 90;
      const told = commitment === CommitmentLevel.PROCESSED ? accounts : accounts - 2 * 90;
      const executed = commitment === CommitmentLevel.PROCESSED ? 2_240 : 2_220;
      await until(() => all.length >= told + executed);
      stream.close();
      await reading;
      assert.deepEqual(writes(all), upTo(1, told));
      const signatures = all.flatMap((each) => {
        if (each.kind !== 'data' || each.value.updateOneof.case !== 'transaction') return [];
        return [Buffer.from(each.value.updateOneof.value.transaction!.signature).toString('hex')];
      });
      assert.equal(new Set(signatures).size, signatures.length, 'no transaction twice');
      assert.equal(signatures.length, executed);
      assert.deepEqual(gaps(all), []);
      assert.equal(geyser.stats().writes.replays, 20);
    });
  }
});
