/** The options of `tls`, of a client's own and of its proxies': which there are, and what they may be. */

import { checkOptions, kindOf } from '../core/refusal.ts';
import type { TlsOptions } from '../net/tls.ts';
import { check, invalid, type Rule, unknownOption } from './options.ts';

const isPem = (value: unknown): boolean => typeof value === 'string' || value instanceof Uint8Array;
const isText = (value: unknown): boolean => typeof value === 'string';

/** What is neither number nor choice. Refused by what it is: what it holds is a secret. */
interface Kind {
  readonly allowed: string;
  allows(value: unknown): boolean;
}

/** Pins are read, and refused, where they are used. */
export const TLS_OPTIONS: Readonly<Record<keyof TlsOptions, Rule | Kind | undefined>> = {
  ca: { allowed: 'PEM, or a list of it', allows: (value) => [value].flat().every(isPem) },
  cert: { allowed: 'PEM', allows: isPem },
  key: { allowed: 'PEM', allows: isPem },
  passphrase: { allowed: 'text', allows: isText },
  servername: { allowed: 'a name', allows: isText },
  minVersion: { kind: 'choice', default: 'TLSv1.2', values: ['TLSv1.2', 'TLSv1.3'] },
  verify: { kind: 'choice', default: true, values: [true, false] },
  sessionsMax: { kind: 'number', default: 100, min: 0, max: Number.POSITIVE_INFINITY, whole: true },
  pins: undefined,
  keylog: { allowed: 'a function', allows: (value) => typeof value === 'function' },
};

/** @throws NetError `INVALID` naming the option by its path: `tls.minVersion` */
export function checkTls(path: string, tls: TlsOptions | undefined): void {
  if (tls !== undefined) checkOptions(`option ${path}`, tls);
  for (const [name, value] of Object.entries(tls ?? {})) {
    if (!Object.hasOwn(TLS_OPTIONS, name)) throw unknownOption(`${path}.${name}`, name, Object.keys(TLS_OPTIONS));
    const rule = TLS_OPTIONS[name as keyof TlsOptions];
    if (rule === undefined || value === undefined) continue;
    if ('kind' in rule) check(`option ${path}.${name}`, value, rule);
    else if (!rule.allows(value)) throw invalid(`option ${path}.${name} is ${kindOf(value)}; allowed: ${rule.allowed}`);
  }
}
