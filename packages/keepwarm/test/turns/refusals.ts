/** Every way to be refused without the event loop, by name. */
import type { Refusal } from './a-refusal.ts';
import { HTTP, INTEROP } from './refusals-http.ts';
import { JSONRPC } from './refusals-jsonrpc.ts';
import { EXCHANGE, GRPC, yellowstone } from './refusals-streams.ts';

export const REFUSALS: Readonly<Record<string, Refusal>> = {
  ...{ ...HTTP, ...JSONRPC, ...GRPC, ...INTEROP, ...EXCHANGE },
  'a subscription of Yellowstone that is closed': yellowstone,
};
