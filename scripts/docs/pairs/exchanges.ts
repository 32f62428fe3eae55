/** Of the clients for exchanges. See `../pairs.ts`. */
import type { Window } from '../../../packages/keepwarm/src/adapters/exchange/settle.ts';
import { EXCHANGE_OPTIONS, type ExchangeNetwork } from '../../../packages/keepwarm/src/adapters/exchange/settle.ts';
import { PARADEX_CODES } from '../../../packages/keepwarm/src/adapters/paradex/errors.ts';
import {
  PARADEX_DEFAULTS,
  PARADEX_LIMITS,
  PARADEX_NETWORKS,
} from '../../../packages/keepwarm/src/adapters/paradex/options.ts';
import { problemIn, VEST_CODES } from '../../../packages/keepwarm/src/adapters/vest/errors.ts';
import { VEST_DEFAULTS, VEST_LIMITS, VEST_NETWORKS } from '../../../packages/keepwarm/src/adapters/vest/options.ts';
import { asOptions, optionsWithDefaults, type Pair } from '../pair.ts';

interface Known {
  readonly networks: Readonly<Record<string, ExchangeNetwork>>;
  readonly figures: object;
  readonly limits: Readonly<Record<string, readonly Window[]>>;
  /** Each with its cells. */
  readonly codes: readonly string[];
}

const written = (value: number): string => value.toLocaleString('en').replaceAll(',', '_');

/** The tables every guide of an exchange has, under the same headings. */
function pairsOf(name: string, { networks, figures, limits, codes }: Known): Pair[] {
  const page = `docs/guide/${name}.md`;
  return [
    {
      ...{ what: `figures of ${name}`, page, heading: '### Figures', columns: 2 },
      code: () => optionsWithDefaults('call', asOptions(figures)),
    },
    {
      ...{ what: `limits of ${name}`, page, heading: '### Limits', columns: 3 },
      code: () =>
        Object.entries(limits).flatMap(([kind, windows]) =>
          windows.map(({ limit, windowMs }) => `${kind} ${written(limit)} ${written(windowMs)}`),
        ),
    },
    {
      ...{ what: `networks of ${name}`, page, heading: '### Networks', columns: 3 },
      code: () => Object.entries(networks).map(([network, { restUrl, wsUrl }]) => `${network} ${restUrl} ${wsUrl}`),
    },
    {
      ...{ what: `options of ${name} that are no figures`, page, heading: '### The rest' },
      code: () => [...EXCHANGE_OPTIONS, ...Object.keys(Object.values(networks)[0]!)],
    },
    { ...{ what: `refusals of ${name}`, page, heading: '## Refusals', columns: 2 }, code: () => codes },
  ];
}

export const EXCHANGE_PAIRS: readonly Pair[] = [
  ...pairsOf('vest', {
    networks: VEST_NETWORKS,
    figures: VEST_DEFAULTS,
    limits: VEST_LIMITS,
    codes: Object.entries(VEST_CODES).flatMap(([code, name]) => {
      const meaning = problemIn({ code: Number(code) })?.meaning;
      return meaning === 'refused' ? [] : [`${code} ${name}`];
    }),
  }),
  ...pairsOf('paradex', {
    networks: PARADEX_NETWORKS,
    figures: PARADEX_DEFAULTS,
    limits: PARADEX_LIMITS,
    codes: Object.entries(PARADEX_CODES).map(([code, meaning]) => `${code} ${meaning}`),
  }),
];
