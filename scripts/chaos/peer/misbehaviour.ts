/** From a fault to what the faulty server does about connections and requests. */
import { type FaultyConnection, type FaultyRequest, replyBytes, type Step } from 'keepwarm/testing';
import type { Fault, ResetAt } from './fault.ts';
import { EARLY_MS, type Tally } from './tally.ts';
import { Workers } from './workers.ts';

export interface Misbehaviour {
  readonly script: Step;
  readonly connected: (connection: FaultyConnection) => void;
  stop(): void;
}

export const ID = 'x-call';

/** Names its call, so that no answer can pass for another's, and is long enough to be cut in two. */
export const contentOf = (id: string): string => `the answer to ${id} `.padEnd(256, '.');

const idOf = ({ headers }: FaultyRequest): string => headers[ID] ?? '';
const whole = (request: FaultyRequest): Buffer => replyBytes(contentOf(idOf(request)));

export function misbehaviour(fault: Fault, tally: Tally): Misbehaviour {
  const workers = fault.kind === 'overload' ? new Workers(fault, () => tally.elapsedMs) : undefined;
  const act = workers === undefined ? stepOf(fault, tally) : served(workers);
  return {
    connected(connection) {
      tally.accept();
      if (isAway(fault, tally.elapsedMs) && !isSilent(fault)) connection.reset();
    },
    async script(request, connection) {
      tally.receive(request.method, idOf(request));
      if (isAway(fault, tally.elapsedMs)) return isSilent(fault) ? undefined : connection.reset();
      await request.body;
      await act(request, connection);
    },
    stop: () => workers?.stop(),
  };
}

function isAway(fault: Fault, elapsedMs: number): boolean {
  if (fault.kind === 'dead') return elapsedMs >= fault.fromMs && elapsedMs < fault.untilMs;
  return fault.kind === 'flapping' && elapsedMs % (fault.upMs + fault.downMs) >= fault.upMs;
}

const isSilent = (fault: Fault): boolean => fault.kind === 'dead' && fault.silent === true;

const served =
  (workers: Workers): Step =>
  async (request, connection) => {
    if (await workers.serve()) await connection.send(whole(request));
    else connection.reset();
  };

function stepOf(fault: Fault, tally: Tally): Step {
  switch (fault.kind) {
    case 'reset':
      return resetting(fault.at, fault.share);
    case 'status':
      return (request, connection) =>
        connection.send(Math.random() < fault.share ? replyBytes('no', { status: fault.status }) : whole(request));
    case 'quota':
      return quota(fault, tally);
    case 'shaky':
      return shaky(fault);
    case 'black hole':
      return () => undefined;
    case 'slow':
      return async (request, connection) => {
        await connection.wait(Math.random() < fault.share ? fault.slowMs : fault.serviceMs);
        await connection.send(whole(request));
      };
    default: {
      const serviceMs = fault.kind === 'none' ? (fault.serviceMs ?? 0) : 0;
      return async (request, connection) => {
        if (serviceMs > 0) await connection.wait(serviceMs);
        await connection.send(whole(request));
      };
    }
  }
}

function shaky({ serviceMs, spreadMs, share }: Extract<Fault, { kind: 'shaky' }>): Step {
  let failures = 0;
  return async (request, connection) => {
    await connection.wait(serviceMs + Math.random() * spreadMs);
    if (Math.random() >= share) return connection.send(whole(request));
    if (failures++ % 2 === 0) return connection.send(replyBytes('no', { status: 503 }));
    connection.reset();
  };
}

function resetting(at: ResetAt, share: number): Step {
  return async (request, connection) => {
    // At reuse it is a connection's second request that meets the reset, as when a peer's idle limit has just passed.
    const due = Math.random() < share && (at !== 'reuse' || request.turn > 1);
    if (!due) return connection.send(whole(request));
    const bytes = whole(request);
    const headEnd = bytes.indexOf('\r\n\r\n') + 4;
    if (at === 'mid head') await connection.send(bytes.subarray(0, headEnd / 2));
    if (at === 'mid body') await connection.send(bytes.subarray(0, headEnd + 100));
    if (at === 'right after reply') await connection.send(bytes);
    // What was written has to leave before the reset overtakes it.
    if (at.startsWith('mid')) await connection.wait(2);
    connection.reset();
  };
}

function quota(fault: Extract<Fault, { kind: 'quota' }>, tally: Tally): Step {
  let window = -1;
  let used = 0;
  let toldAt = Number.POSITIVE_INFINITY;
  return (request, connection) => {
    const elapsed = tally.elapsedMs;
    const current = Math.floor(elapsed / fault.windowMs);
    if (current !== window) {
      window = current;
      used = 0;
      toldAt = Number.POSITIVE_INFINITY;
    }
    if (++used <= fault.limit) return connection.send(whole(request));
    if (elapsed > toldAt + EARLY_MS) tally.comeEarly();
    toldAt = Math.min(toldAt, elapsed);
    // In whole seconds, as the header counts.
    const seconds = Math.ceil(((window + 1) * fault.windowMs - elapsed) / 1_000);
    const headers = fault.retryAfter ? { 'Retry-After': seconds } : {};
    return connection.send(replyBytes('later', { status: 429, headers }));
  };
}
