/** Calls made at a client: each named, and its answer compared with the one that belongs to it. */
import { type Client, NetError } from 'keepwarm';
import { contentOf, ID } from './peer/misbehaviour.ts';
import { nowMs } from './peer/tally.ts';

export interface Load {
  readonly calls: number;
  /** Callers that each make the next call when theirs is over; of no effect with `perSecond`. */
  readonly concurrency?: number;
  /** Calls per second, whether earlier ones have ended or not: as independent users make them. */
  readonly perSecond?: number;
  /** Deadline of the POSTs, in ms; that of the client when left out. */
  readonly postDeadlineMs?: number;
  /** Share of calls that are POSTs, and must not be made twice. Default 0.2. */
  readonly posts?: number;
}

export interface Outcome {
  readonly post: boolean;
  /** Since 1970. */
  readonly startedMs: number;
  readonly tookMs: number;
  /** `ok`, a code of NetError, the status as `STATUS 503`, or `WRONG` for an answer that is not what was sent. */
  readonly end: string;
}

/** Ids differ between loads of one run, and between processes, as the peer may see several. */
let loads = 0;

/** Settles when every call has. A call that never ends is a hang, which the row's own limit reports. */
export async function loadOn(client: Client, load: Load): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const name = `${process.pid}-${++loads}`;
  const { calls, perSecond, postDeadlineMs } = load;
  const postEvery = Math.round(1 / (load.posts ?? 0.2)); // Infinity for none
  const start = async (ordinal: number) => {
    outcomes.push(await callOn(client, `${name}-${ordinal}`, ordinal % postEvery === postEvery - 1, postDeadlineMs));
  };
  if (perSecond !== undefined) await atRate(calls, perSecond, start);
  else await byCallers(calls, load.concurrency ?? 1, start);
  return outcomes;
}

async function byCallers(calls: number, callers: number, start: (ordinal: number) => Promise<void>): Promise<void> {
  let next = 0;
  const caller = async () => {
    while (next < calls) await start(next++);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** A tick that comes late starts all that were due meanwhile. */
async function atRate(calls: number, perSecond: number, start: (ordinal: number) => Promise<void>): Promise<void> {
  const began = nowMs();
  const started: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const ticking = setInterval(() => {
      const due = Math.min(calls, Math.ceil(((nowMs() - began) * perSecond) / 1_000));
      while (started.length < due) started.push(start(started.length));
      if (started.length < calls) return;
      clearInterval(ticking);
      resolve();
    }, 5);
  });
  await Promise.all(started);
}

async function callOn(client: Client, id: string, post: boolean, postDeadlineMs?: number): Promise<Outcome> {
  const startedMs = nowMs();
  const options = { headers: { [ID]: id } };
  const end = await (post
    ? client.post('/', 'an order', { ...options, deadlineMs: postDeadlineMs })
    : client.get('/', options)
  )
    .text()
    .then(
      (text) => (text === contentOf(id) ? 'ok' : 'WRONG'),
      (error: unknown) => {
        if (!(error instanceof NetError)) throw error;
        return error.code === 'STATUS' ? `STATUS ${error.status}` : error.code;
      },
    );
  return { post, startedMs, tookMs: nowMs() - startedMs, end };
}
