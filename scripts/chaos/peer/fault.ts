/** What is wrong with the peer, as data: it crosses from one process to another. Lengths are in ms. */
export type Fault =
  /** Nothing; each answer takes `serviceMs`. */
  | { readonly kind: 'none'; readonly serviceMs?: number }
  /** A share of the connections is reset while one of their requests is dealt with. */
  | { readonly kind: 'reset'; readonly at: ResetAt; readonly share: number }
  /** A share of the answers has this status. */
  | { readonly kind: 'status'; readonly status: number; readonly share: number }
  /** So many requests are answered per window, the others are told 429, with the rest of the window or without. */
  | { readonly kind: 'quota'; readonly limit: number; readonly windowMs: number; readonly retryAfter: boolean }
  /**
   * A share of the requests fails: by turns a 503, and a reset instead of an answer. Each takes `serviceMs` and up to
   * `spreadMs` more, evenly drawn.
   */
  | { readonly kind: 'shaky'; readonly serviceMs: number; readonly spreadMs: number; readonly share: number }
  /** A share of the answers takes `slowMs`, the others `serviceMs`. */
  | { readonly kind: 'slow'; readonly serviceMs: number; readonly slowMs: number; readonly share: number }
  /** Up for `upMs`, then away for `downMs`, and so on: connections and requests are reset while it is away. */
  | { readonly kind: 'flapping'; readonly upMs: number; readonly downMs: number }
  /** Away between two instants after the first connection; with `silent` it takes everything and answers nothing. */
  | { readonly kind: 'dead'; readonly fromMs: number; readonly untilMs: number; readonly silent?: boolean }
  /** Never answers: connections are accepted and requests read, or not even a SYN is answered. */
  | { readonly kind: 'black hole'; readonly takes: 'requests' | 'nothing' }
  | Overload;

export type ResetAt = 'before head' | 'mid head' | 'mid body' | 'right after reply' | 'reuse';

/**
 * `workers` serve one request each, in order of arrival, also those whose caller has left. Each takes `serviceMs`; up
 * to `strain` times that as the queue grows, as with caches that thrash; and `factor` times that between two instants
 * after the first connection: the cause of the trouble.
 */
export interface Overload {
  readonly kind: 'overload';
  readonly workers: number;
  readonly serviceMs: number;
  readonly strain: number;
  readonly factor: number;
  readonly fromMs: number;
  readonly untilMs: number;
}
