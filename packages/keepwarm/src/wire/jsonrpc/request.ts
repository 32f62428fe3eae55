/**
 * JSON-RPC 2.0 requests as text (§ 4), put together from parts: what a method's requests have in common is written
 * once, the parameters once per call, and the id is all that a repeat or a batch adds.
 */
import { NetError } from '../../core/error.ts';
import { exactText } from './numbers.ts';

/** What all requests of a method begin with; an id follows. */
export function requestPrefix(method: string): string {
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"id":`;
}

/** @param params as `paramsText` wrote them */
export function requestText(prefix: string, id: number, params: string): string {
  return params === '' ? `${prefix}${id}}` : `${prefix}${id},"params":${params}}`;
}

/** A request without an id, to which there is no answer (§ 4.1). */
export function notificationText(method: string, params: string): string {
  const start = `{"jsonrpc":"2.0","method":${JSON.stringify(method)}`;
  return params === '' ? `${start}}` : `${start},"params":${params}}`;
}

/** Several requests in one message (§ 6). */
export function batchText(requests: readonly string[]): string {
  let text = '';
  for (const request of requests) text += text === '' ? request : `,${request}`;
  return `[${text}]`;
}

/**
 * Parameters by position or by name (§ 4.2); the empty text for none. A bigint is written as the number it is.
 *
 * @throws NetError `INVALID` for what is neither, and for what JSON cannot express
 */
export function paramsText(params: unknown): string {
  if (params === undefined) return '';
  if (typeof params !== 'object' || params === null) {
    const given = params === null ? 'null' : `a ${typeof params}`;
    throw refused(`params is ${given}; allowed: an array, an object, or nothing (JSON-RPC 2.0 § 4.2)`);
  }
  let text: string | undefined;
  try {
    if (Array.isArray(params) && params.length === 0) return '[]';
    text = exactText(params);
  } catch (cause) {
    throw refused(`params cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  // A `toJSON` may say anything, and so make something else of the message.
  if (text === undefined || !(text.startsWith('[') || text.startsWith('{'))) {
    throw refused('params do not become an array or object as JSON');
  }
  return text;
}

function refused(message: string): NetError {
  return new NetError('INVALID', message, { reach: 'unsent' });
}
