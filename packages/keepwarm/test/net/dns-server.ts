/** A real name server on UDP over loopback that says what the test tells it to, failures and silence included. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AUTHORITATIVE_ANSWER, decode, encode, type Record } from 'dns-packet';

/** RFC 1035 § 4.1.1. */
const RCODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** What is said to one question: records, a refusal, or nothing at all. */
export type Said = readonly Omit<Record, 'name'>[] | keyof typeof RCODES | 'silence';

export interface NameServer {
  /** As `Resolver.setServers` takes it. */
  readonly address: string;
  /** Types and names asked for, as `A a.test`. */
  readonly asked: string[];
  /** What to say from now on to `A a.test` and the like, and how long after; NXDOMAIN to all else. */
  say(question: string, said: Said, delayMs?: number): void;
}

export function a(data: string, ttl = 60): Omit<Record, 'name'> {
  return { type: 'A', ttl, data };
}

export function aaaa(data: string, ttl = 60): Omit<Record, 'name'> {
  return { type: 'AAAA', ttl, data };
}

/** Closed when the test ends. */
export async function aNameServer(t: TestContext): Promise<NameServer> {
  const script = new Map<string, { said: Said; delayMs: number }>();
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', async (message, peer) => {
    const { id, questions } = decode(message);
    const { type, name } = questions[0]!;
    asked.push(`${type} ${name}`);
    const { said, delayMs } = script.get(`${type} ${name.toLowerCase()}`) ?? { said: 'NXDOMAIN', delayMs: 0 };
    if (said === 'silence') return;
    if (delayMs > 0) await sleep(delayMs);
    const rcode = typeof said === 'string' ? RCODES[said] : RCODES.NOERROR;
    const answers = typeof said === 'string' ? [] : inChain(name, said);
    socket.send(encode({ type: 'response', id, flags: AUTHORITATIVE_ANSWER | rcode, questions, answers }), peer.port);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    say: (question, said, delayMs = 0) => void script.set(question, { said, delayMs }),
  };
}

/** Gives records their owners: after a CNAME come records of its target. */
function inChain(name: string, records: readonly Omit<Record, 'name'>[]): Record[] {
  let owner = name;
  return records.map((record) => {
    const owned = { ...record, name: owner };
    if (record.type === 'CNAME') owner = record.data;
    return owned;
  });
}
