/** The options of `tls`, of a client's own and of its proxies': which there are, and what they may be. */
import type { TlsOptions } from '../net/tls.ts';
import { check, type Rule, unknownOption } from './options.ts';

/** Rules for those that are numbers or choices, nothing for those that are keys, names and functions. */
export const TLS_OPTIONS: Readonly<Record<keyof TlsOptions, Rule | undefined>> = {
  ca: undefined,
  cert: undefined,
  key: undefined,
  passphrase: undefined,
  servername: undefined,
  minVersion: { kind: 'choice', default: 'TLSv1.2', values: ['TLSv1.2', 'TLSv1.3'] },
  verify: { kind: 'choice', default: true, values: [true, false] },
  sessionsMax: { kind: 'number', default: 100, min: 0, max: Number.POSITIVE_INFINITY },
  pins: undefined,
  keylog: undefined,
};

/** @throws NetError `INVALID` naming the option by its path: `tls.minVersion` */
export function checkTls(path: string, tls: TlsOptions | undefined): void {
  for (const [name, value] of Object.entries(tls ?? {})) {
    if (!Object.hasOwn(TLS_OPTIONS, name)) throw unknownOption(`${path}.${name}`, name, Object.keys(TLS_OPTIONS));
    const rule = TLS_OPTIONS[name as keyof TlsOptions];
    if (rule !== undefined && value !== undefined) check(`option ${path}.${name}`, value, rule);
  }
}
