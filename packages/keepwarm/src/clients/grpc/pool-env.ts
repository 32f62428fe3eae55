/** A pool as the environment describes it. */
import { invalid } from '../options.ts';
import { createGrpcPool, type GrpcPool } from './pool.ts';
import type { GrpcPoolNumbers, GrpcPoolOptions } from './pool-options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables, and what each sets. */
export const GRPC_POOL_VARIABLES = {
  GRPC_URL: 'target',
  X_TOKEN: 'token',
  GRPC_POOL_MAX_CONNECTIONS: 'connectionsMax',
  GRPC_POOL_CONNECTION_TTL: 'ageMs',
  GRPC_POOL_HEALTH_CHECK_INTERVAL: 'healthCheckMs',
} as const;

/**
 * What the environment says, for `createGrpcPool`. Variables that are not set, or empty, are left out.
 *
 * @throws NetError `INVALID` naming the variable; the value of `X_TOKEN` is shown nowhere
 */
export function grpcPoolOptionsFromEnv(env: Environment = process.env): Partial<GrpcPoolOptions> {
  const options: Record<string, string | number> = {};
  for (const [variable, option] of Object.entries(GRPC_POOL_VARIABLES)) {
    const text = env[variable]?.trim();
    if (text === undefined || text === '') continue;
    options[option] =
      option === 'target' ? targetOf(text) : option === 'token' ? text : numberOf(variable, text, option);
  }
  return options;
}

/**
 * A pool made of the environment: `GRPC_URL` must be set there, or `target` be given. What is given wins.
 *
 * @throws NetError `INVALID` naming the variable or option
 */
export function grpcPoolFromEnv(given: Partial<GrpcPoolOptions> = {}, env: Environment = process.env): GrpcPool {
  const options = { ...grpcPoolOptionsFromEnv(env), ...given };
  const { target } = options;
  if (target === undefined) throw invalid('neither environment variable GRPC_URL nor option target is set');
  return createGrpcPool({ ...options, target });
}

/** As providers write it: a URL, or a host and its port, which speaks TLS then. */
function targetOf(text: string): string {
  return /^https?:\/\//i.test(text) ? text : `https://${text}`;
}

function numberOf(variable: string, text: string, option: keyof GrpcPoolNumbers): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  const unit = option.endsWith('Ms') ? 'a number of ms above 0' : 'a number above 0';
  throw invalid(`environment variable ${variable} is "${text}"; allowed: ${unit}`);
}
