/** Commands by which an operator acts on a running gateway, with the token that it left for its user. */
import { createInterface } from 'node:readline/promises';
import { EXIT } from './commands.ts';
import { connectionOf } from './connection.ts';
import { type Flags, UsageError } from './parse.ts';
import { ms } from './table.ts';

type Print = (line: string) => void;
type Told = Readonly<Record<string, unknown>>;

export type ActingName = 'cordon' | 'uncordon' | 'drain' | 'warm-up' | 'close-idle' | 'reset-breaker' | 'reload';

/** What came of each, for people. */
const WORDS: Readonly<Record<ActingName, (told: Told) => string>> = {
  cordon: ({ upstream, endpoint, state }) => `${upstream}/${endpoint} is ${state}: it gets no more calls`,
  uncordon: ({ upstream, endpoint, state }) => `${upstream}/${endpoint} is back: ${state}`,
  drain: ({ deadlineMs, inFlight }) =>
    `draining: no new callers; ${inFlight} requests under way may take ${deadlineMs} ms. It ends when it is told to`,
  'warm-up': ({ upstream, open, failed, latencyMs }) => {
    const some = failed === 0 ? '' : `, ${failed} failed`;
    return `${upstream}: ${open} connections are open${some} (${ms(Number(latencyMs))} ms)`;
  },
  'close-idle': ({ upstream, closed }) => `${upstream}: ${closed} idle connections closed`,
  'reset-breaker': ({ upstream, reset }) => `${upstream}: ${reset} breakers closed`,
  reload: ({ kept, begun, ended }) =>
    `reloaded: ${named(kept)} unchanged; ${named(begun)} begun; ${named(ended)} ended`,
};

const named = (names: unknown): string => (Array.isArray(names) && names.length > 0 ? names.join(', ') : 'none');

export async function runActing(
  name: ActingName,
  operand: string | undefined,
  flags: Flags,
  print: Print,
): Promise<number> {
  const inputs = inputsOf(name, operand, flags);
  const admin = connectionOf(name, flags);
  try {
    if (name === 'drain' && flags['yes'] !== true && !(await agreed(admin.where))) {
      throw new UsageError('nothing was drained; --yes says that you mean it', name);
    }
    const told = await admin.act(name, inputs);
    print(flags['json'] === true ? JSON.stringify(told, undefined, 2) : WORDS[name](told));
    return Number(told['failed'] ?? 0) > 0 ? EXIT.failed : EXIT.ok;
  } finally {
    await admin.close();
  }
}

function inputsOf(name: ActingName, operand: string | undefined, flags: Flags): Record<string, unknown> {
  const inputs: Record<string, unknown> = {};
  if (typeof flags['upstream'] === 'string') inputs['upstream'] = flags['upstream'];
  if (operand !== undefined) inputs['endpoint'] = operand;
  if (flags['breaker'] !== undefined) inputs['breaker'] = flags['breaker'];
  if (flags['count'] !== undefined) inputs['count'] = whole(name, '--count', flags['count']);
  if (flags['deadline'] !== undefined) inputs['deadlineMs'] = whole(name, '--deadline', flags['deadline']);
  return inputs;
}

function whole(name: ActingName, flag: string, value: Flags[string]): number {
  const number = Number(value);
  if (Number.isInteger(number)) return number;
  throw new UsageError(`${flag} is ${value}; allowed: a whole number`, name);
}

/** A drain is for good: who is asked at a terminal says yes, and nobody else is taken to have meant it. */
async function agreed(where: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`drain the gateway at ${where}? It takes no callers from now on. [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** `keepwarm open`: the address of the status page with a code that lets one browser act, once. */
export async function runOpen(flags: Flags, print: Print): Promise<number> {
  const admin = connectionOf('open', flags);
  try {
    const code = await admin.code();
    const url = `http://${admin.where}/#key=${code}`;
    print(flags['json'] === true ? JSON.stringify({ url, code, forMs: 600_000 }, undefined, 2) : url);
    return EXIT.ok;
  } finally {
    await admin.close();
  }
}
