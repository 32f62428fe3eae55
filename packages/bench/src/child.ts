/**
 * The process of one client. It loads that client alone, so that no peer's code, hidden class or garbage touches
 * another's, and does one thing at a time, when it is told to. Ends when its parent lets go of it.
 */
import { flushCompileCache } from 'node:module';
import type { Client, Target } from './clients/client.ts';
import { CLIENTS } from './clients/index.ts';
import { sliceOf } from './grpc/stream-client.ts';
import { allocatedPerCall, type MemoryUse, settledMemory } from './heap.ts';
import { burst, type SliceOrder, type SliceResult, slice } from './load.ts';

/** What the child can be told, and what it answers. */
export interface Commands {
  open(order: { readonly client: string; readonly target: Target }): void;
  slice(order: SliceOrder): SliceResult;
  /** A slice of updates instead of calls. */
  updates(order: SliceOrder): SliceResult;
  burst(order: { readonly calls: number }): { readonly latenciesMs: number[]; readonly errors: string[] };
  memory(order: Record<string, never>): MemoryUse;
  allocated(order: { readonly calls: number }): number | undefined;
  leaked(order: Record<string, never>): number | undefined;
  close(order: Record<string, never>): void;
}

export type Order = {
  [Name in keyof Commands]: { readonly name: Name; readonly order: Parameters<Commands[Name]>[0] };
}[keyof Commands];
export type Answer = { readonly value: unknown } | { readonly error: string };

let client: Client | undefined;

function opened(): Client {
  if (client === undefined) throw new Error('no client is open');
  return client;
}

async function obey({ name, order }: Order): Promise<unknown> {
  switch (name) {
    case 'open': {
      const load = CLIENTS[order.client];
      if (load === undefined) throw new Error(`unknown client "${order.client}"`);
      client = await (await load())(order.target);
      // The process ends without a farewell. Where NODE_COMPILE_CACHE is set, as in tests, the next one loads quicker.
      flushCompileCache();
      return undefined;
    }
    case 'slice':
      return slice(opened(), order);
    case 'updates': {
      const { updating } = opened();
      if (updating === undefined) throw new Error('this client has no updates');
      return sliceOf(updating, order);
    }
    case 'burst':
      return burst(opened(), order.calls);
    case 'memory':
      return settledMemory();
    case 'allocated':
      return allocatedPerCall(opened(), order.calls);
    case 'leaked':
      return opened().leaked?.();
    case 'close':
      await client?.close();
      client = undefined;
      return undefined;
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (message: Order) => {
  let answer: Answer;
  try {
    answer = { value: await obey(message) };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(answer);
});
