/** What can become of an order, and how much each answer tells of it. */
import { NetError } from '../../core/error.ts';
import { asObject, parsed, problemIn, type VestProblem } from './errors.ts';

/** An order as Vest lists it: what is read here, and whatever else it has. */
export interface VestOrder {
  readonly id: string;
  readonly nonce: number;
  /** `NEW`, `PARTIALLY_FILLED`, `FILLED`, `CANCELLED`, `REJECTED`. */
  readonly status: string;
  readonly [field: string]: unknown;
}

/** It is at the exchange, once. */
export interface Placed {
  readonly kind: 'placed';
  readonly id: string;
  readonly nonce: number;
  /** As it was signed, in ms since 1970. */
  readonly time: number;
  /** Whether Vest's answer says so, or its list of orders, asked after the answer was lost. */
  readonly by: 'answer' | 'question';
  /** As it was listed, where it was asked for. */
  readonly order: VestOrder | undefined;
}

/** It is not at the exchange, and will not be. */
export interface NotPlaced {
  readonly kind: 'not placed';
  /** What Vest says against it; nothing where it never got there. */
  readonly problem: VestProblem | undefined;
  readonly error: NetError;
}

/** It may be at the exchange: it was sent, no answer came, and Vest could not be asked. Look it up by its nonce. */
export interface UnknownFate {
  readonly kind: 'unknown';
  readonly nonce: number;
  readonly time: number;
  readonly error: NetError;
}

export type Fate = Placed | NotPlaced | UnknownFate;

/** How an order was signed. */
export interface Stamp {
  readonly time: number;
  readonly nonce: number;
}

export type Verdict =
  | { readonly kind: 'taken'; readonly id: string }
  | { readonly kind: 'refused'; readonly problem: VestProblem; readonly error: NetError }
  | { readonly kind: 'unsent'; readonly error: NetError }
  | { readonly kind: 'unknown'; readonly error: NetError };

/** What a failed call tells. */
export function verdictOf(thrown: unknown): Verdict {
  const error = NetError.from(thrown);
  return { kind: error.reach === 'unsent' ? 'unsent' : 'unknown', error };
}

const SLOW_DOWN: VestProblem = { code: 1003, name: 'TOO_MANY_REQUESTS', message: '', meaning: 'slow' };
const NO_KEY: VestProblem = { code: 1002, name: 'UNAUTHORIZED', message: '', meaning: 'key' };

/** What an answer tells. Only what is surely Vest's own refusal says that an order was not taken. */
export function answered(status: number, text: string, seen: (id: string) => boolean): Verdict {
  const body = parsed(text);
  const bare = status === 429 ? SLOW_DOWN : status === 401 ? NO_KEY : undefined;
  const problem = problemIn(body) ?? bare;
  if (problem !== undefined && status < 500) return { kind: 'refused', problem, error: refusal(status, problem) };
  const { id } = asObject(body);
  const ok = status >= 200 && status < 300;
  if (ok && typeof id === 'string' && id !== '' && !seen(id)) return { kind: 'taken', id };
  const what = ok ? 'names no order that could be this one' : 'does not say what became of the order';
  return {
    kind: 'unknown',
    error: new NetError('DECODE', `an answer ${status} ${what}`, { reach: 'answered', status }),
  };
}

function refusal(status: number, { code, name, message }: VestProblem): NetError {
  const words = [`Vest refuses it: ${code}`, name, message].filter(Boolean).join(' ');
  return new NetError('STATUS', words, { reach: 'answered', status });
}

/** The orders of a list, which comes bare or under `orders`. */
export function listed(body: unknown): VestOrder[] {
  const list = Array.isArray(body) ? body : asObject(body)['orders'];
  if (!Array.isArray(list)) return [];
  return list.filter((each): each is VestOrder => typeof asObject(each)['id'] === 'string');
}
