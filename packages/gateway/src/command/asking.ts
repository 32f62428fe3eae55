/**
 * Commands that ask a running gateway and print what it says: a table for people, or with `--json` what the admin API
 * answers, field by field as docs/reference/admin.md has it.
 */
import type { AdminClient } from '../admin/client.ts';
import type { FeedEvent } from '../figures/feed.ts';
import { explain } from '../mcp/explain.ts';
import { EXIT } from './commands.ts';
import { connectionOf } from './connection.ts';
import { type Paint, paintFor } from './paint.ts';
import { type Flags, UsageError } from './parse.ts';
import { printable } from './table.ts';
import { callRows, endpointRows, limitRows, socketRows, statRows } from './views.ts';

export type Print = (line: string) => void;
export type AskingName = 'stats' | 'sockets' | 'endpoints' | 'limits' | 'calls';

interface View {
  readonly ask: (admin: AdminClient, flags: Flags, paint: Paint) => Promise<{ told: object; lines: readonly string[] }>;
}

const word = (flag: Flags[string]): string | undefined => (typeof flag === 'string' ? flag : undefined);

/** What tools of an assistant are called here, where that is not the same. */
const COMMAND_OF: Readonly<Record<string, string>> = { 'endpoint-health': 'endpoints' };

const VIEWS: Readonly<Record<AskingName, View>> = {
  stats: {
    ask: async (admin, { upstream }, paint) => {
      const told = await admin.stats();
      const upstreams = told.upstreams.filter(({ name }) => upstream === undefined || name === upstream);
      if (upstreams.length === 0 && upstream !== undefined) throw unknown(upstream, told.upstreams);
      return { told: { ...told, upstreams }, lines: statRows({ ...told, upstreams }, paint) };
    },
  },
  sockets: {
    ask: async (admin, { upstream, state, order, limit }, paint) => {
      const query = { upstream: word(upstream), state: word(state), order: word(order), limit: word(limit) };
      const told = await admin.sockets(query);
      return { told, lines: socketRows(told, query, paint) };
    },
  },
  endpoints: {
    ask: async (admin, { upstream }, paint) => {
      const [told, { breakers }] = await Promise.all([
        admin.endpoints({ upstream: word(upstream) }),
        admin.breakers({ upstream: word(upstream) }),
      ]);
      return { told: { ...told, breakers }, lines: endpointRows(told, breakers, paint) };
    },
  },
  limits: {
    ask: async (admin, { upstream }, paint) => {
      const told = await admin.limits({ upstream: word(upstream) });
      return { told, lines: limitRows(told, paint) };
    },
  },
  calls: {
    ask: async (admin, flags, paint) => {
      const told = await admin.calls({
        upstream: word(flags['upstream']),
        only: flags['notable'] === true ? 'notable' : undefined,
        slowerThanMs: word(flags['slower-than']),
        limit: word(flags['limit']),
      });
      if (flags['explain'] !== true) return { told, lines: callRows(told, paint) };
      const explained = told.calls.map((call) => ({ ...explain(call), call }));
      const lines = explained.flatMap(({ summary, words, advice }) => [
        paint(printable(summary), 'bold'),
        ...words.map((each) => `  ${printable(each)}`),
        `  ${advice.replace(/\(tool ([\w-]+)\)/, (_, tool: string) => `(keepwarm ${COMMAND_OF[tool] ?? tool})`)}`,
        '',
      ]);
      return { told: { calls: explained }, lines: lines.length === 0 ? ['no call is remembered'] : lines.slice(0, -1) };
    },
  },
};

export async function runAsking(name: AskingName, flags: Flags, print: Print): Promise<number> {
  const admin = connectionOf(name, flags);
  try {
    const { told, lines } = await VIEWS[name].ask(admin, flags, paintFor(process.stdout.isTTY));
    if (flags['json'] === true) print(JSON.stringify(told, undefined, 2));
    else for (const line of lines) print(line);
    return EXIT.ok;
  } finally {
    await admin.close();
  }
}

const unknown = (name: unknown, all: readonly { readonly name: string }[]): UsageError =>
  new UsageError(`there is no upstream ${JSON.stringify(name)}; there are: ${all.map((each) => each.name).join(', ')}`);

/** `keepwarm events`: what happens, as it happens, until a signal ends it. */
export async function runEvents(flags: Flags, print: Print): Promise<number> {
  const admin = connectionOf('events', flags);
  const leaving = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => leaving.abort());
  const upstream = word(flags['upstream']);
  const kinds = word(flags['kinds'])?.split(',');
  const paint = paintFor(process.stdout.isTTY);
  try {
    await admin.stats(0, leaving.signal); // says in words when there is no gateway
    for await (const event of admin.events({ signal: leaving.signal })) {
      if (upstream !== undefined && event.upstream !== upstream) continue;
      if (kinds !== undefined && !kinds.includes(event.kind)) continue;
      print(flags['json'] === true ? JSON.stringify(event) : eventLine(event, paint));
    }
    process.stderr.write('keepwarm: the gateway ended the stream of events\n');
    return EXIT.failed;
  } catch (error) {
    if (leaving.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    await admin.close();
  }
}

function eventLine({ id: _, at, kind, upstream, ...fields }: FeedEvent, paint: Paint): string {
  const told = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  const time = new Date(at).toISOString().slice(11, 23);
  const what = printable(`${kind}`).padEnd(18);
  return (
    `${paint(time, 'dim')} ${paint(what, 'bold')} ${printable(upstream ?? '–').padEnd(12)} ` +
    `${printable(told.join(' '))}`
  );
}

function shown(value: unknown): string {
  if (typeof value === 'number') return `${Math.round(value * 1_000) / 1_000}`;
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}
