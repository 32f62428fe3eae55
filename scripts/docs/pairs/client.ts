/** Of the client: options, errors, facts. See `../pairs.ts`. */
import { FLEET_DEFAULTS } from '../../../packages/keepwarm/src/adapters/redis/options.ts';
import { ENDPOINT_STATES } from '../../../packages/keepwarm/src/balance/endpoint.ts';
import { BALANCE_DEFAULTS, HEALTH_CHECK_DEFAULTS } from '../../../packages/keepwarm/src/balance/options.ts';
import { OPTION_NAMES } from '../../../packages/keepwarm/src/clients/client-options.ts';
import { CORE_OPTIONS } from '../../../packages/keepwarm/src/clients/env.ts';
import { FACTS } from '../../../packages/keepwarm/src/clients/facts.ts';
import { HTTP_OPTIONS } from '../../../packages/keepwarm/src/clients/http-client.ts';
import { OPTIONS } from '../../../packages/keepwarm/src/clients/options.ts';
import { ConnectionPoolCore } from '../../../packages/keepwarm/src/clients/pool-core.ts';
import { TLS_OPTIONS } from '../../../packages/keepwarm/src/clients/tls-options.ts';
import { CODES } from '../../../packages/keepwarm/src/core/error.ts';
import { RATE_DEFAULTS } from '../../../packages/keepwarm/src/policies/rate-options.ts';
import { asOptions, optionsWithDefaults, type Pair } from '../pair.ts';

export const CLIENT_PAIRS: readonly Pair[] = [
  { what: 'error codes', code: () => Object.keys(CODES), page: 'docs/reference/errors.md', heading: '## Codes' },
  {
    what: 'options and their defaults',
    code: () => Object.entries(OPTIONS).flatMap(([group, options]) => optionsWithDefaults(group, options)),
    page: 'docs/reference/options.md',
    heading: '## Numbers and choices',
    columns: 2,
  },
  {
    what: 'options of tls',
    code: () => Object.keys(TLS_OPTIONS).map((name) => `tls.${name}`),
    page: 'docs/reference/options.md',
    heading: '## TLS',
  },
  {
    what: 'options that are neither number nor choice',
    code: () => [
      ...Object.entries(OPTION_NAMES).flatMap(([name, other]) => (other ? [name] : [])),
      'dns.resolver',
      'dns.lookup',
    ],
    page: 'docs/reference/options.md',
    heading: '## The rest',
  },
  {
    what: 'options of rate limits and their defaults',
    code: () => optionsWithDefaults('call', asOptions(RATE_DEFAULTS)),
    page: 'docs/reference/limits.md',
    heading: '## All limits together',
    columns: 2,
  },
  {
    what: 'options of the rate limits of a fleet',
    code: () => ['client', 'name', ...Object.keys(FLEET_DEFAULTS)],
    page: 'docs/reference/limits.md',
    heading: '## A fleet',
  },
  { what: 'facts for observers', code: () => FACTS, page: 'docs/reference/observer.md', heading: '## Facts' },
  {
    what: 'states of an endpoint',
    code: () => ENDPOINT_STATES,
    page: 'docs/reference/balance.md',
    heading: '## States',
  },
  {
    what: 'options of endpoint sets',
    code: () => optionsWithDefaults('call', asOptions(BALANCE_DEFAULTS)),
    page: 'docs/reference/balance.md',
    heading: '## Options of a set',
    columns: 2,
  },
  {
    what: 'options of health checks',
    code: () => optionsWithDefaults('call', asOptions(HEALTH_CHECK_DEFAULTS)),
    page: 'docs/reference/balance.md',
    heading: '## Options of health checks',
    columns: 2,
  },
  {
    what: 'environment variables and what they set',
    code: () =>
      Object.entries(CORE_OPTIONS).flatMap(([name, { variable }]) =>
        variable === undefined ? [] : `${variable} ${name}`,
      ),
    page: 'docs/reference/environment.md',
    heading: '## Variables',
    columns: 2,
  },
  {
    what: 'options of HTTPClient',
    code: () => [...Object.keys(HTTP_OPTIONS), 'client'],
    page: 'docs/guide/client.md',
    heading: '### Options of HTTPClient',
  },
  {
    what: 'metrics of ConnectionPoolCore',
    code: () => Object.keys(new ConnectionPoolCore({}, {}).getMetrics()),
    page: 'docs/guide/client.md',
    heading: '### Metrics of ConnectionPoolCore',
  },
];
