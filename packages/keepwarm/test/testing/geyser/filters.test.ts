/** What a filter lets through, on events of a chain from a seed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { Chain } from '../../../src/testing/geyser/chain.ts';
import { type AccountEvent, accountEvent, type GeyserEvent } from '../../../src/testing/geyser/events.ts';
import { FilterFault, Filters } from '../../../src/testing/geyser/filters.ts';
import { GEYSER_DEFAULTS } from '../../../src/testing/geyser/options.ts';
import { toBase58 } from '../../../src/wire/base58.ts';
import { CommitmentLevel, SubscribeRequestSchema, SubscribeUpdateSchema } from '../../../src/yellowstone.ts';

type Request = MessageInitShape<typeof SubscribeRequestSchema>;

/** Forty slots of a small chain, as they are told at `processed`. */
const EVENTS: GeyserEvent[] = [];
const chain = new Chain({ ...GEYSER_DEFAULTS, accounts: 6, owners: 2 }, new FakeClock(), (event) => EVENTS.push(event));
for (let i = 0; i < 40; i++) chain.advance();
const [A, B] = chain.accounts;
const [OWNER] = chain.owners;

const filtersOf = (request: Request) => new Filters(create(SubscribeRequestSchema, request), GEYSER_DEFAULTS);

/** The updates that a request lets through, decoded, with the names of the filters that matched. */
function through(request: Request, events: readonly GeyserEvent[] = EVENTS) {
  const filters = filtersOf(request);
  return events.flatMap((event) =>
    filters.match(event).map(({ names, body }) => ({
      names,
      update: fromBinary(SubscribeUpdateSchema, body.bytes).updateOneof,
    })),
  );
}

const count = (request: Request, events?: readonly GeyserEvent[]) => through(request, events).length;
const kind = (wanted: GeyserEvent['kind']) => EVENTS.filter((event) => event.kind === wanted);

/** An account written by hand. */
function anAccount(info: Partial<AccountEvent['info']>): AccountEvent {
  const base = kind('account')[0] as AccountEvent;
  const account = { ...base.info, ...info };
  return accountEvent({ $typeName: 'geyser.SubscribeUpdateAccount', account, slot: 1n, isStartup: false }, 0);
}

describe('filters of accounts', () => {
  it('let everything through when they name nothing, and nothing when there are none', () => {
    assert.equal(count({ accounts: { all: {} } }), 400);
    assert.equal(count({}), 0);
  });

  it('take any of the accounts, and any of the owners, but both where both are named', () => {
    const all = kind('account') as AccountEvent[];
    const isA = (event: AccountEvent) => toBase58(event.info.pubkey) === A;
    const isOwned = (event: AccountEvent) => toBase58(event.info.owner) === OWNER;
    assert.equal(count({ accounts: { a: { account: [A!] } } }), all.filter(isA).length);
    assert.equal(count({ accounts: { o: { owner: [OWNER!] } } }), all.filter(isOwned).length);
    assert.equal(count({ accounts: { a: { account: [B!], owner: [OWNER!] } } }), 0, 'B has the other owner');
  });

  it('name each filter that matched, in one update', () => {
    const updates = through({
      accounts: { one: { account: [A!] }, other: { owner: [OWNER!] }, none: { account: [B!] } },
    });
    assert(updates.some(({ names }) => names.join() === 'one,other'));
    assert(updates.every(({ names }) => !(names.includes('one') && names.includes('none'))));
  });

  it('compare data, its size, lamports and signatures', () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    const some = [anAccount({ data, lamports: 10n })];
    const matched = (filter: Request['accounts']) => count({ accounts: filter! }, some) === 1;
    const state = (filter: object) => matched({ f: { filters: [{ filter }] } } as Request['accounts']);
    const memcmp = (offset: bigint, value: Uint8Array) =>
      state({ case: 'memcmp', value: { offset, data: { case: 'bytes', value } } });
    assert(memcmp(1n, Uint8Array.of(2, 3)));
    assert(!memcmp(2n, Uint8Array.of(2, 3)));
    assert(!memcmp(3n, Uint8Array.of(4, 5)), 'beyond the end nothing is equal');
    assert(state({ case: 'datasize', value: 4n }) && !state({ case: 'datasize', value: 5n }));
    const base58 = { offset: 0n, data: { case: 'base58', value: toBase58(data) } };
    assert(state({ case: 'memcmp', value: base58 }));
    assert(state({ case: 'memcmp', value: { offset: 0n, data: { case: 'base64', value: 'AQID' } } }));
    for (const [cmp, value, holds] of [
      ...[
        ['eq', 10n, true],
        ['eq', 9n, false],
        ['ne', 9n, true],
        ['ne', 10n, false],
      ],
      ...[
        ['lt', 11n, true],
        ['lt', 10n, false],
        ['gt', 9n, true],
        ['gt', 10n, false],
      ],
    ]) {
      assert.equal(state({ case: 'lamports', value: { cmp: { case: cmp, value } } }), holds, `${cmp} ${value}`);
    }
    assert.equal(count({ accounts: { f: { nonemptyTxnSignature: false } } }, some), 0);
    assert.equal(count({ accounts: { f: { nonemptyTxnSignature: true } } }, some), 1);
    assert(state({ case: 'tokenAccountState', value: true }) === false);
    const token = anAccount({ data: new Uint8Array(165).fill(1) });
    const tokens = { f: { filters: [{ filter: { case: 'tokenAccountState', value: true } }] } };
    assert.equal(count({ accounts: tokens as Request['accounts'] & {} }, [token]), 1);
  });

  it('send only the slices of data that are asked for, and of each account its own', () => {
    const events = [anAccount({ data: Uint8Array.of(0, 1, 2, 3, 4, 5) }), anAccount({ data: Uint8Array.of(9) })];
    const accountsDataSlice = [
      { offset: 1n, length: 2n },
      { offset: 4n, length: 1n },
    ];
    const found = through({ accounts: { all: {} }, accountsDataSlice }, events).map(({ update }) =>
      update.case === 'account' ? [...update.value.account!.data] : undefined,
    );
    assert.deepEqual(found, [[1, 2, 4], []]);
  });
});

describe('filters of transactions, slots and block metas', () => {
  it('tell votes, failures, signatures and accounts apart', () => {
    const all = kind('transaction');
    const [first] = all;
    assert(first?.kind === 'transaction');
    const total = (request: NonNullable<Request['transactions']>[string]) => count({ transactions: { t: request } });
    assert.equal(total({}), all.length);
    assert.equal(total({ vote: true })! + total({ vote: false })!, all.length);
    assert.equal(total({ failed: true })! + total({ failed: false })!, all.length);
    assert(total({ failed: true })! > 0 && total({ vote: true })! > 0);
    assert.equal(total({ signature: toBase58(first.info.signature) }), 1);
    const included = total({ accountInclude: [A!] })!;
    assert.equal(included + total({ accountExclude: [A!] })!, all.length);
    const both = total({ accountRequired: [A!, B!] })!;
    assert(both > 0 && both < included);
    assert.equal(total({ accountInclude: [A!, B!] }), included + total({ accountInclude: [B!] })! - both);
  });

  it('send statuses of transactions beside them', () => {
    const updates = through({ transactions: { whole: {} }, transactionsStatus: { status: { failed: true } } });
    const statuses = updates.filter(({ update }) => update.case === 'transactionStatus');
    assert(statuses.length > 0);
    for (const { update } of statuses) assert(update.case === 'transactionStatus' && update.value.err !== undefined);
  });

  it('tell slots by level, by the level asked for, or with all that lies between', () => {
    assert.equal(count({ slots: { s: {} } }), 40 + 38 + 9, 'processed, confirmed, finalized');
    assert.equal(count({ slots: { s: { filterByCommitment: true } } }), 40);
    const commitment = CommitmentLevel.CONFIRMED;
    assert.equal(count({ commitment, slots: { s: { filterByCommitment: true } } }), 38);
    assert.equal(count({ slots: { s: { interslotUpdates: true } } }), 87 + 3 * 40);
    assert.equal(count({ blocksMeta: { m: {} } }), 40);
  });
});

describe('requests that are refused', () => {
  const REFUSED: readonly (readonly [Request, RegExp])[] = [
    [{ accounts: { a: { account: ['O0l'] } } }, /pubkey/],
    [{ accounts: { a: { account: [toBase58(new Uint8Array(31).fill(1))] } } }, /32 bytes/],
    [{ accounts: { a: { filters: [{}] } } }, /filter should be defined/],
    [{ transactions: { t: { signature: 'abc' } } }, /signature/],
    [{ commitment: 7 as CommitmentLevel }, /CommitmentLevel from 7/],
    [{ accounts: { ['x'.repeat(129)]: {} } }, /oversized filter name/],
    [{ blocks: { b: {} } }, /neither blocks nor entries/],
    [
      {
        accountsDataSlice: [
          { offset: 4n, length: 1n },
          { offset: 0n, length: 1n },
        ],
      },
      /out of order/,
    ],
    [
      {
        accountsDataSlice: [
          { offset: 0n, length: 4n },
          { offset: 3n, length: 1n },
        ],
      },
      /overlapped/,
    ],
  ];
  for (const [request, message] of REFUSED) {
    it(`say why: ${message.source}`, () => {
      assert.throws(
        () => filtersOf(request),
        (error) => error instanceof FilterFault && message.test(error.message),
      );
    });
  }

  it('count filters and addresses', () => {
    const limits = { filtersMax: 1, addressesMax: 1 };
    const of = (request: Request) => () => new Filters(create(SubscribeRequestSchema, request), limits);
    assert.throws(of({ slots: { a: {}, b: {} } }), /only 1 allowed/);
    assert.throws(of({ accounts: { a: { account: [A!, B!] } } }), /Max amount of Pubkeys reached, only 1 allowed/);
  });
});

describe('updates written by hand', () => {
  it('are the bytes that their description gives', () => {
    const cases: Partial<AccountEvent['info']>[] = [
      {},
      { lamports: 0n, data: new Uint8Array(0), executable: true, rentEpoch: 0n },
      { data: new Uint8Array(70_000).fill(3), writeVersion: 2n ** 63n, lamports: 2n ** 53n },
      { txnSignature: new Uint8Array(0) },
      { txnSignature: undefined },
    ];
    for (const info of cases) {
      const { body, info: account } = anAccount(info);
      if (account.txnSignature === undefined) delete account.txnSignature;
      const value = { $typeName: 'geyser.SubscribeUpdateAccount', account, slot: 1n, isStartup: false } as const;
      const createdAt = { seconds: 0n, nanos: 0 };
      const update = create(SubscribeUpdateSchema, { updateOneof: { case: 'account', value }, createdAt });
      assert(body.bytes.equals(toBinary(SubscribeUpdateSchema, update)));
    }
  });
});
