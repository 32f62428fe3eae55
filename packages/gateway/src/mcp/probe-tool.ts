/**
 * `probe`: cold against warm, for an assistant. By itself it may only go where the gateway goes anyway, and ask only
 * for
 * `/` with HEAD: an assistant that was talked into it must not be able to reach other hosts of this network, nor learn
 * anything but how long it took (what is called server-side request forgery).
 */
import { PROXY_DEFAULT } from '../config/way.ts';
import { probe } from '../probe/probe.ts';
import { list, number, oneOf, orNull, record, text, told, whole } from './shape.ts';
import { type Input, numberOf, READS, type Surroundings, type Tool, ToolError, wordOf } from './tool.ts';

/** Where a probe goes: an origin, without a path unless the assistant named one and may. */
interface Aim {
  readonly url: URL;
  readonly method: string;
}

export const PROBE: Tool = {
  name: 'probe',
  title: 'Probe: cold against warm',
  description:
    'Times one call on a new connection (DNS, TCP, TLS, first byte, body), some on the warm one, and one on a second ' +
    'connection with TLS resumed. Goes to an upstream of the gateway by its name, straight from here, with HEAD /. ' +
    'Other URLs only when this server was started with --allow-probe-anywhere.',
  input: record(
    {
      upstream: text('an upstream by its name'),
      endpoint: text('one of its endpoints by name, where it has several'),
      url: text('any http: or https: URL, where that is allowed'),
      method: oneOf(['HEAD', 'GET', 'OPTIONS'], 'with a url; default HEAD'),
      count: whole(1, 20, 'warm calls; default 5'),
    },
    ['upstream', 'endpoint', 'url', 'method', 'count'],
  ),
  output: record({
    origin: text(),
    address: text('the one that was connected to'),
    proxy: orNull(text('the proxy it went through')),
    words: text(),
    summary: record({
      coldMs: number(),
      warmMs: orNull(number('median; null when the server keeps no connection')),
      resumedMs: number('of a second connection'),
      tlsResumed: { type: 'boolean' },
      saved: orNull(number('share of a cold call that a warm one saves')),
    }),
    calls: list(told('kind, dnsMs, tcpMs, tlsMs, tlsResumed, firstByteMs, bodyMs, totalMs, status')),
  }),
  annotations: { ...READS, idempotentHint: false, openWorldHint: true },
  run: async (around, input, signal) => {
    const { url, method } = await aimOf(around, input, signal);
    const told = await probe(url, { method, count: numberOf(input, 'count', 5), proxy: PROXY_DEFAULT, signal });
    const { address, proxy, calls, summary } = told;
    const { coldMs, warmMs, saved } = summary;
    const warm = warmMs === null ? 'the server keeps no connection' : `warm ${warmMs.toFixed(1)} ms`;
    const words =
      `cold ${coldMs.toFixed(1)} ms, ` + `${warm}${saved === null ? '' : `, saved ${Math.round(saved * 100)} %`}`;
    return { origin: url.origin, address, proxy, words, summary, calls };
  },
};

async function aimOf({ admin, probesAnywhere }: Surroundings, input: Input, signal: AbortSignal): Promise<Aim> {
  const { url } = input;
  const upstream = wordOf(input, 'upstream');
  if ((url === undefined) === (upstream === undefined)) throw new ToolError('name either an upstream or a url');
  if (typeof url === 'string') {
    if (!probesAnywhere) {
      throw new ToolError(
        'only upstreams of the gateway may be probed; name one, or have the person who started this server ' +
          'add --allow-probe-anywhere',
      );
    }
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.password) {
      throw new ToolError('url must be an http: or https: URL without credentials');
    }
    return { url: parsed, method: wordOf(input, 'method') ?? 'HEAD' };
  }
  return { url: new URL('/', await originOf(admin, input, signal)), method: 'HEAD' };
}

async function originOf(admin: Surroundings['admin'], input: Input, signal: AbortSignal): Promise<string> {
  const { upstreams } = await admin.stats(0, signal);
  const name = wordOf(input, 'upstream');
  const upstream = upstreams.find((each) => each.name === name);
  if (upstream === undefined) {
    throw new ToolError(
      `there is no upstream of that name that speaks HTTP; there are: ${upstreams.map((each) => each.name).join(', ')}`,
    );
  }
  const { endpoints } = upstream.jsonrpc ?? upstream;
  if (endpoints === undefined) return upstream.origin;
  const endpoint = wordOf(input, 'endpoint') ?? (endpoints.length === 1 ? endpoints[0]!.name : undefined);
  const found = endpoints.find((each) => each.name === endpoint);
  if (found !== undefined) return found.origin;
  throw new ToolError(
    `${upstream.name} has several endpoints; name one of: ${endpoints.map((each) => each.name).join(', ')}`,
  );
}
