/** What stand-ins for exchanges are told to be, and to do wrong, whichever exchange it is. */
import type { Clock } from '../../core/clock.ts';

/**
 * What happens to one request that changes something:
 *  - `lose before`: the connection is reset, and it is never read.
 *  - `lose after`: it is done, and the connection reset instead of an answer.
 *  - `silent after`: it is done, and never answered.
 *  - `late`: it is done only `lateMs` afterwards; the connection is reset at once.
 *  - `twice`: it is done, and answered twice over.
 *  - `copy`: a second copy of it arrives right behind; the answer is the copy's.
 */
export type ExchangeFault = 'lose before' | 'lose after' | 'silent after' | 'late' | 'twice' | 'copy';

export interface ExchangeServerOptions<Fault> {
  /** On 127.0.0.1. Default 0: any that is free. */
  readonly port?: number | undefined;
  /** By which times are judged. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** How far its clock is ahead of that, in ms. Default 0. */
  readonly aheadMs?: number | undefined;
  /** What happens to the order that arrives as the n-th, from 0. */
  readonly fault?: ((index: number) => Fault | undefined) | undefined;
  /** What happens to the cancellation that arrives as the n-th, from 0. */
  readonly cancelFault?: ((index: number) => ExchangeFault | undefined) | undefined;
  /** Default 300. */
  readonly lateMs?: number | undefined;
  /** Requests in any second. Default: no limit. */
  readonly perSecond?: number | undefined;
}

export interface ExchangeServer<Order> {
  readonly restUrl: string;
  readonly wsUrl: string;
  /** What it has, whoever put it there. */
  readonly orders: readonly Order[];
  /** What was wrong with requests, in the order they came. */
  readonly refused: readonly string[];
  readonly connections: number;
  /** WebSocket connections with a subscription. */
  readonly streams: number;
  /** Ends every WebSocket connection without a goodbye. */
  dropStreams(): void;
  close(): Promise<void>;
}

export interface Asked {
  readonly method: string;
  /** Without what stands before every path. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Said {
  readonly status: number;
  /** Text is a page of HTML; everything else goes out as JSON. */
  readonly body: unknown;
}

export const ok = (body: unknown, status = 200): Said => ({ status, body });
