/** What the seven monitors ask for: every kind of filter, some overlapping, some the same by other names. */

export interface MonitorRequest {
  readonly name: string;
  /** As `SubscribeRequest` of the official client, what is left out being empty. */
  readonly request: object;
}

export function requestsOf(accounts: readonly string[], owners: readonly string[]): readonly MonitorRequest[] {
  const [first = '', second = ''] = owners;
  return [
    { name: 'pool-reserves', request: { accounts: { pools: { account: [], owner: [first], filters: [] } } } },
    {
      name: 'two-programs',
      request: {
        accounts: {
          both: { account: [], owner: [first, second], filters: [] },
          one: { account: accounts.slice(0, 3), owner: [], filters: [] },
        },
      },
    },
    { name: 'every-account', request: { accounts: { all: { account: [], owner: [], filters: [] } } } },
    {
      name: 'transfers',
      request: { transactions: { good: { vote: false, failed: false, ...NOBODY } } },
    },
    {
      name: 'whales',
      request: {
        transactions: { any: NOBODY },
        transactionsStatus: { failed: { failed: true, ...NOBODY } },
      },
    },
    { name: 'blocks', request: { blocksMeta: { meta: {} }, slots: { tip: { filterByCommitment: true } } } },
    {
      name: 'the-same-by-other-names',
      request: {
        accounts: {
          mine: { account: [], owner: [first], filters: [] },
          everything: { account: [], owner: [], filters: [] },
        },
        slots: { every: {} },
      },
    },
  ];
}

const NOBODY = { accountInclude: [], accountExclude: [], accountRequired: [] };
