/**
 * Sets that stand in the code and again on a page, and must be equal: nothing undocumented, nothing made up.
 *
 * To keep another page honest, add one entry to a file of `pairs/`: `code` lists the names as the program has them,
 * `page` and `heading` say which table repeats them, one row each, the name first and in backticks. With `columns: 2`
 * the second cell, also in backticks, is compared as well, so that a default cannot change behind its page.
 * `scripts/test/docs.test.ts` does the rest.
 */

import type { Pair } from './pair.ts';
import { CLIENT_PAIRS } from './pairs/client.ts';
import { EXCHANGE_PAIRS } from './pairs/exchanges.ts';
import { GRPC_PAIRS } from './pairs/grpc.ts';
import { JSONRPC_PAIRS } from './pairs/jsonrpc.ts';
import { OPERATION_PAIRS } from './pairs/operation.ts';

export { differences } from './pair.ts';

export const PAIRS: readonly Pair[] = [
  ...CLIENT_PAIRS,
  ...EXCHANGE_PAIRS,
  ...JSONRPC_PAIRS,
  ...GRPC_PAIRS,
  ...OPERATION_PAIRS,
];
