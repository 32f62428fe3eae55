/**
 * What HTTPClient and ConnectionPoolCore assume and `createClient` does not: one timeout, text that is JSON.
 */
import { Fields, type FieldsInput } from '../core/fields.ts';
import type { CallOptions, ClientOptions } from './client-options.ts';
import { OPTIONS } from './options.ts';

/**
 * The step limits that leave room for the one timeout these classes have: a call that may take 60 s must not be ended
 * after 30 s for its first byte.
 */
export function roomy(options: ClientOptions): ClientOptions {
  const { deadlineMs = OPTIONS.call.deadlineMs.default, limits } = options;
  return {
    ...options,
    limits: { firstByteMs: deadlineMs, ...limits },
  };
}

/** The timeout of one call. */
export function within(timeout: number | undefined): Pick<CallOptions, 'deadlineMs' | 'firstByteMs'> {
  return timeout === undefined ? {} : { deadlineMs: timeout, firstByteMs: timeout };
}

/** The headers of a text body: JSON, unless they say otherwise. */
export function jsonText(headers: FieldsInput | undefined): FieldsInput {
  const fields = Fields.of(headers);
  return fields.has('content-type') ? fields.list : [...fields.list, ['content-type', 'application/json']];
}
