/** `keepwarm probe`: the command line around the measurement. */
import { readFileSync } from 'node:fs';
import { NetError } from 'keepwarm';
import { EXIT } from '../command/commands.ts';
import { type Flags, UsageError } from '../command/parse.ts';
import { PROXY_DEFAULT } from '../config/way.ts';
import { type ProbeOptions, probe } from './probe.ts';
import { report } from './report.ts';

/** Methods that change nothing: a probe is repeated. */
const METHODS = ['GET', 'HEAD', 'OPTIONS'];
const COUNT = { default: 5, max: 1_000 };

export async function runProbe(operand: string, flags: Flags, print: (line: string) => void): Promise<number> {
  const json = flags['json'] === true;
  const url = urlOf(operand);
  const options = optionsOf(flags);
  try {
    const probed = await probe(url, options);
    print(json ? JSON.stringify(probed, rounded, 2) : report(probed));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const { code, phase, reach, systemCode, message } = error;
    const told = { url: url.origin + url.pathname, error: { code, phase, reach, systemCode, message } };
    print(
      json ? JSON.stringify(told, undefined, 2) : `${told.url}\n  ${code}${phase ? ` (${phase})` : ''}: ${message}`,
    );
    return EXIT.failed;
  }
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  // What may hold credentials is not repeated.
  const meant = /^[\w.-]+(?::\d+)?(?:\/[^@\s]*)?$/.test(text) ? `; did you mean https://${text}?` : '';
  throw new UsageError(`probe needs an http: or https: URL without credentials${meant}`, 'probe');
}

function optionsOf(flags: Flags): ProbeOptions {
  const count = flags['count'] === undefined ? COUNT.default : Number(flags['count']);
  if (!Number.isInteger(count) || count < 1 || count > COUNT.max) {
    throw new UsageError(`--count is ${flags['count']}; allowed: 1 to ${COUNT.max}`, 'probe');
  }
  const method = String(flags['method'] ?? 'GET').toUpperCase();
  if (!METHODS.includes(method)) {
    throw new UsageError(`--method is ${method}; allowed: ${METHODS.join(', ')}`, 'probe');
  }
  const ca = flags['ca'];
  const { proxy } = flags;
  return {
    count,
    method,
    proxy: typeof proxy === 'string' ? proxy : PROXY_DEFAULT,
    ...(typeof ca === 'string' ? { tls: { ca: pem(ca) } } : {}),
  };
}

function pem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`--ca ${file} cannot be read: ${error instanceof Error ? error.message : error}`, 'probe');
  }
}

/** µs are enough. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
}
