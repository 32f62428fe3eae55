/**
 * Every option of `createClient` that is a number or a choice, with its default, range and unit: one table that is the
 * validator, the defaults and the source of docs/reference/options.md (a test keeps the two equal).
 */
import type { NetError } from '../core/error.ts';
import { invalid, show, unknownOption } from '../core/refusal.ts';
import type { Http2Use } from '../engines/engine.ts';
import { DNS_DEFAULTS } from '../net/dns-options.ts';
import { CALLED_HERE } from './names-elsewhere.ts';

export { invalid, show, unknownOption };

interface NumberRule {
  readonly kind: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** For what is counted. `Infinity`, where the range allows it, is no limit at all. */
  readonly whole?: boolean;
}
interface ChoiceRule<T extends string | number | boolean = string | number | boolean> {
  readonly kind: 'choice';
  readonly default: T;
  readonly values: readonly T[];
}
export type Rule = NumberRule | ChoiceRule;

const INF = Number.POSITIVE_INFINITY;

const number = (byDefault: number, min: number, max = INF): NumberRule => ({
  kind: 'number',
  default: byDefault,
  min,
  max,
});
const ms = (defaultMs: number, min = 1): NumberRule => number(defaultMs, min);
const count = (byDefault: number, min: number, max = INF): NumberRule => ({
  ...number(byDefault, min, max),
  whole: true,
});
const choice = <T extends string | number | boolean>(byDefault: T, ...values: T[]): ChoiceRule<T> => ({
  kind: 'choice',
  default: byDefault,
  values,
});

export const OPTIONS = {
  call: {
    deadlineMs: ms(30_000),
    redirectsMax: count(0, 0, 100),
    decompress: choice<boolean>(true, true, false),
    http2: choice<Http2Use>('allow', 'never', 'allow', 'prefer', 'prior-knowledge'),
    defaultHeaders: choice<boolean>(true, true, false),
  },
  pool: {
    socketsMax: count(50, 1, 65_535),
    socketsTotalMax: count(256, 1, 65_535),
    idleMax: count(10, 0),
    idleMin: count(0, 0),
    idleMs: ms(30_000),
    surplusMs: ms(5_000, 0),
    ageMs: ms(300_000),
    ageJitter: number(0.1, 0, 1),
    requestsMax: count(INF, 1),
    waitersMax: count(10_000, 0),
    scheduling: choice<'lifo' | 'fifo'>('lifo', 'lifo', 'fifo'),
    socketHistoryMax: count(200, 0, 100_000),
  },
  limits: {
    queueMs: ms(10_000),
    firstByteMs: ms(30_000),
    betweenBytesMs: ms(15_000),
    bodyBytesMax: count(64 * 1024 * 1024, 0),
    headBytesMax: count(32 * 1024, 256, 16 * 1024 * 1024),
    fieldsMax: count(256, 1, 65_535),
    extensionBytesMax: count(16 * 1024, 0),
    interimMax: count(16, 0),
    inflationMax: number(200, 1),
    inflationFreeBytes: count(1024 * 1024, 0),
  },
  session: {
    sessionsMax: count(INF, 1),
    streamsMax: count(100, 1, 2 ** 31 - 1),
    windowBytes: count(1024 * 1024, 65_535, 2 ** 31 - 1),
    streamWindowBytes: count(1024 * 1024, 16_384, 2 ** 31 - 1),
    pingMs: ms(30_000),
    pongMs: ms(10_000),
    tableBytesMax: count(4_096, 0, 1024 * 1024),
  },
  connect: {
    family: choice<0 | 4 | 6>(0, 0, 4, 6),
    connectMs: ms(10_000),
    attemptDelayMs: ms(250, 10),
    noDelay: choice<boolean>(true, true, false),
    tcpKeepAliveMs: ms(30_000, 1_000),
  },
  dns: {
    namesMax: count(DNS_DEFAULTS.namesMax, 1),
    ttlMsMin: ms(DNS_DEFAULTS.ttlMsMin, 0),
    ttlMsMax: ms(DNS_DEFAULTS.ttlMsMax, 0),
    ttlMsUnknown: ms(DNS_DEFAULTS.ttlMsUnknown, 0),
    staleMs: ms(DNS_DEFAULTS.staleMs, 0),
    staleOnErrorMs: ms(DNS_DEFAULTS.staleOnErrorMs, 0),
    negativeMs: ms(DNS_DEFAULTS.negativeMs, 0),
    lookupMs: ms(DNS_DEFAULTS.lookupMs),
  },
  leak: {
    afterMs: ms(60_000),
    stacks: choice<boolean>(false, true, false),
  },
} as const satisfies Record<string, Record<string, Rule>>;

export type Groups = typeof OPTIONS;
type ValueOf<R> = R extends NumberRule ? number : R extends ChoiceRule<infer T> ? T : never;
/** A group with every value present. */
export type Settings<G extends keyof Groups> = { readonly [K in keyof Groups[G]]: ValueOf<Groups[G][K]> };

/**
 * The group's defaults with the caller's values over them.
 *
 * @throws NetError `INVALID` naming the option, its value and what is allowed; unknown names are told their nearest kin
 */
export function settle<G extends keyof Groups>(group: G, given: object | undefined): Settings<G> {
  const rules: Record<string, Rule> = OPTIONS[group];
  const settled: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(rules)) settled[name] = rule.default;
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue;
    const path = group === 'call' ? name : `${group}.${name}`;
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw unknownHere(path, name, Object.keys(rules));
    check(`option ${path}`, value, rule);
    settled[name] = value;
  }
  return settled as Settings<G>;
}

/** @throws NetError `INVALID` naming `what` (an option, a variable), its value and what is allowed */
export function check(what: string, value: unknown, rule: Rule): void {
  if (rule.kind === 'choice') {
    if ((rule.values as readonly unknown[]).includes(value)) return;
    throw invalid(`${what} is ${show(value)}; allowed: ${rule.values.map(show).join(', ')}`);
  }
  const fits = typeof value === 'number' && value >= rule.min && value <= rule.max;
  if (fits && (!rule.whole || Number.isInteger(value) || value === INF)) return;
  const kind = rule.whole ? 'a whole number' : 'a number';
  throw invalid(`${what} is ${show(value)}; allowed: ${kind} from ${rule.min} to ${rule.max}`);
}

/** The same, of the client itself and its calls: by names that other clients have for them as well. */
export function unknownHere(path: string, name: string, known: readonly string[]): NetError {
  const here = Object.hasOwn(CALLED_HERE, name) ? CALLED_HERE[name] : undefined;
  return here === undefined ? unknownOption(path, name, known) : invalid(`there is no option ${path}; use ${here}`);
}
