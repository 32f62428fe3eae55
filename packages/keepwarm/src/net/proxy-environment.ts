/**
 * The proxy the environment asks for: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in both cases of
 * letters; lower case wins where both are set, as with curl.
 */
import type { Origin } from '../core/origin.ts';
import { bypass } from './proxy-bypass.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy's URL, and the variable that names it. */
export interface NamedProxy {
  readonly url: string;
  readonly variable: string;
}

/**
 * Reads the variables once. A server that runs scripts by CGI puts a caller's `Proxy:` field into `HTTP_PROXY`: where
 * `REQUEST_METHOD` is set, that variable is believed by nobody (CVE-2016-5385, "httpoxy"). The copy keeps names as they
 * are spelt, also where the system does not tell upper from lower case.
 */
export function environmentProxies(environment: Environment): {
  readonly http: NamedProxy | undefined;
  readonly https: NamedProxy | undefined;
  readonly bypassed: (origin: Origin) => boolean;
} {
  const variables: Environment = { ...environment };
  const underCgi = (variables['REQUEST_METHOD'] ?? '') !== '';
  const named = (...names: string[]): NamedProxy | undefined => {
    for (const variable of names) {
      const url = variables[variable]?.trim() ?? '';
      if (url !== '') return { url, variable };
    }
    return undefined;
  };
  const all = named('all_proxy', 'ALL_PROXY');
  return {
    http: named('http_proxy', ...(underCgi ? [] : ['HTTP_PROXY'])) ?? all,
    https: named('https_proxy', 'HTTPS_PROXY') ?? all,
    bypassed: bypass(named('no_proxy', 'NO_PROXY')?.url),
  };
}
