/**
 * A `rateLimit` beside `sections`: of the whole upstream, over all its sections. What serves one of them counts in it
 * behind the limits of its own, so that who waits for these holds no place of what is for all.
 */
import type { ClientOptions } from 'keepwarm';
import type { UpstreamConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { type ConfiguredLimit, limitsOf } from './rate-tables.ts';

type RateLimit = NonNullable<ClientOptions['rateLimit']>;

export interface Whole {
  readonly limits: readonly ConfiguredLimit[];
  /** How limits are kept, where a section does not say otherwise. */
  readonly kept: object;
}

/** @param upstream parsed as if it had no sections @throws ConfigError */
export function wholeOf({ client }: UpstreamConfig, path: string): Whole {
  const { limits: _, ...kept } = client.rateLimit as { readonly limits: unknown };
  const limits = limitsOf(client).map(({ name, ...limit }, i) => {
    if (limit.by !== undefined) {
      const where = limitsOf(client).length === 1 ? `${path}.rateLimit.by` : `${path}.rateLimit.limits[${i}].by`;
      throw new ConfigError(
        where,
        `cannot be counted over all sections; allowed: ${path}.sections.each.rateLimit with by`,
      );
    }
    return {
      ...limit,
      name: name ?? `all sections: ${limit.limit} per ${limit.windowMs} ms`,
      whole: true as const,
    };
  });
  return { limits, kept };
}

/** @returns the same for nothing @throws ConfigError where a limit of its own has the name of one of the whole */
export function withWhole(config: UpstreamConfig, whole: Whole | undefined, path: string): UpstreamConfig {
  if (whole === undefined) return config;
  const { rateLimit } = config.client;
  const own = limitsOf(config.client);
  const names = new Set(whole.limits.map(({ name }) => name));
  for (const { name } of own) {
    if (!names.has(name)) continue;
    throw new ConfigError(`${path}.rateLimit.name`, `is ${name}, as a limit of all sections is; give it another`);
  }
  const kept = typeof rateLimit === 'object' && 'limits' in rateLimit ? { ...whole.kept, ...rateLimit } : whole.kept;
  const joined = { ...kept, limits: [...own, ...whole.limits] } as RateLimit;
  return { ...config, client: { ...config.client, rateLimit: joined } };
}
