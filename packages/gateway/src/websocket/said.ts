/** What the gateway says by itself to a caller who subscribes. */
import { exactText, RpcError } from 'keepwarm/jsonrpc';
import { failed } from '../data/rpc-refusal.ts';

export interface Said {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export const NOT_SUBSCRIBED: Said = { code: -32602, message: 'Invalid subscription id.' };
export const ENDED: Said = { code: -32000, message: 'the subscription was over before it began' };

export const tooManyKept = (limit: number): Said => ({
  code: -32005,
  message: `this connection has ${limit} subscriptions (limit websocket.subscriptionsMax)`,
  data: { code: 'SATURATED', reach: 'unsent', limit: 'websocket.subscriptionsMax', value: limit },
});

/** A node's own error is passed on whole. */
export function errorOf(error: unknown, upstream: string): Said {
  if (error instanceof RpcError) return error.said;
  const { code, message, data } = failed(error, upstream);
  return { code, message, data };
}

/** @param id of the request, as text */
export const resultText = (id: string, result: unknown): string =>
  `{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}`;
export const errorText = (id: string, error: Said): string =>
  `{"jsonrpc":"2.0","id":${id},"error":${exactText({ ...error })}}`;
