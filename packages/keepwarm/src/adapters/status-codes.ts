/** Error objects of providers that put the status of HTTP where the code of JSON-RPC belongs. */
import type { ErrorClass } from '../clients/jsonrpc/adapter.ts';

export const STATUS_CODES: Readonly<Record<string, ErrorClass>> = {
  401: 'throttled',
  402: 'throttled',
  403: 'throttled',
  408: 'ill',
  429: 'throttled',
  500: 'ill',
  502: 'ill',
  503: 'ill',
  504: 'ill',
};
