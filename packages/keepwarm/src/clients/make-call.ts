/** A call of the HTTP client, from what its caller gave: checked, and with what the client adds. */
import type { Call, StepLimits } from '../core/call.ts';
import { nextCallId } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { type Prepared, withLength } from './call-body.ts';
import type { CallFields } from './call-fields.ts';
import type { CallOptions } from './client-options.ts';
import { meaningOf, traitsOf } from './methods.ts';
import { invalid, show } from './options.ts';
import { limitsOf, positive } from './step-limits.ts';
import type { Targets } from './targets.ts';

/** What one client makes its calls with. */
export interface Making {
  readonly targets: Targets;
  readonly fields: CallFields;
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** Whether they go to endpoints. */
  readonly balanced: boolean;
}

/** @throws NetError `INVALID` before anything is queued */
export function makeCall(
  { targets, fields, clock, deadlineMs, balanced }: Making,
  method: string,
  url: string | URL,
  { body: given, contentType }: Prepared,
  options: CallOptions,
  limits: StepLimits,
): Call {
  checkSaid(method, options);
  const { origin, path } = targets.of(url, options.query);
  const meaning = meaningOf(method);
  if (given !== undefined && !meaning.takesBody) throw invalid(`a ${method} call has no body; use POST or QUERY`);
  const headers = fields.of(options.headers, contentType);
  const body = headers.contentLength === undefined ? given : withLength(headers.contentLength, given);
  const startedAt = clock.now();
  return {
    id: nextCallId(),
    method,
    origin,
    path,
    headers,
    sign: fields.sign,
    body,
    signal: options.signal,
    startedAt,
    deadlineAt: startedAt + positive('deadlineMs', options.deadlineMs ?? deadlineMs),
    limits: limitsOf(options, limits),
    traits: traitsOf(options.idempotent, meaning, headers),
    attempt: 1,
    section: options.section ?? '',
    template: options.template,
    tag: checkedTag(options.tag),
    tried: balanced ? [] : undefined,
    about: options.about,
  };
}

/** What would not fail by itself, or late and by another name: a text `'no'` would make a call safe to repeat. */
function checkSaid(method: string, { signal, idempotent, section, template }: CallOptions): void {
  if (typeof method !== 'string') throw invalid(`method of a call is ${show(method)}; allowed: text`);
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalid(`signal of a call is ${show(signal)}; allowed: an AbortSignal, or nothing`);
  }
  if (idempotent !== undefined && typeof idempotent !== 'boolean') {
    throw invalid(`idempotent of a call is ${show(idempotent)}; allowed: true, false`);
  }
  if (section !== undefined && typeof section !== 'string') {
    throw invalid(`section of a call is ${show(section)}; allowed: text`);
  }
  if (template !== undefined && typeof template !== 'string') {
    throw invalid(`template of a call is ${show(template)}; allowed: text`);
  }
}

/** What is told with each fact is kept with many of them. */
const TAG_CHARS_MAX = 256;

/** @throws NetError `INVALID` */
export function checkedTag(tag: string | undefined): string | undefined {
  if (tag === undefined || (typeof tag === 'string' && tag.length <= TAG_CHARS_MAX)) return tag;
  const value = typeof tag === 'string' ? `${tag.length} characters` : `a ${typeof tag}`;
  throw invalid(`tag of a call is ${value}; allowed: text of up to ${TAG_CHARS_MAX} characters`);
}
