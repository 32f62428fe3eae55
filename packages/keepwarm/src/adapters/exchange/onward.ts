/**
 * What is told of a thing only goes on. After a loss, a list is asked for while messages come already: those are older
 * than the list and are told after it; and a list may be older than what was told before the loss.
 *
 *   told of an order:  new ──▶ open ──▶ gone        a message that leads back is left out
 *
 * Invariants:
 *   (1) After a final standing no other is told of the thing.
 *   (2) Of two standings whose order is known, the later is told last, or alone.
 *   (3) What is not known to be older is told: nothing new is kept back.
 *   (4) Things remembered ≤ `THINGS_MAX`; the one told of longest ago is forgotten first.
 */
import type { Message, StreamPolicy } from '../../core/subscribe.ts';

/** How a thing stands, as one message tells it. */
export interface Standing {
  /** What it is about; the same in every message about it. */
  readonly thing: string;
  /** As the peer calls it. */
  readonly status: unknown;
  /** Stages follow each other and never come again; `Infinity` for a final one. Nothing where that is not known. */
  readonly stage: number | undefined;
  /** Within a stage, where the peer counts its changes: the higher is the later. */
  readonly version?: number | undefined;
}

/** Nothing for messages that are about no such thing. */
export type StandingOf = (channel: string, value: unknown) => Standing | undefined;

/** As many as the memory of messages of a channel has. */
const THINGS_MAX = 8_192;

export function onward(standingOf: StandingOf): StreamPolicy {
  return (next) => (topic, signal, standing) => filtered(next(topic, signal, standing), topic.key, standingOf);
}

async function* filtered(
  messages: AsyncIterable<Message>,
  channel: string,
  standingOf: StandingOf,
): AsyncGenerator<Message> {
  const told = new Map<string, Standing>();
  for await (const message of messages) {
    const now = message.kind === 'data' ? standingOf(channel, message.value) : undefined;
    if (now === undefined) {
      yield message;
      continue;
    }
    const before = told.get(now.thing);
    if (before !== undefined && isOlder(now, before)) continue;
    told.delete(now.thing); // to the end: what was told of last is forgotten last
    told.set(now.thing, now.stage === undefined && before !== undefined ? { ...now, stage: before.stage } : now);
    if (told.size > THINGS_MAX) told.delete(told.keys().next().value!);
    yield message;
  }
}

function isOlder(now: Standing, before: Standing): boolean {
  if (before.stage === Number.POSITIVE_INFINITY && now.status !== before.status) return true;
  if (now.stage === undefined || before.stage === undefined) return false;
  if (now.stage !== before.stage) return now.stage < before.stage;
  return now.version !== undefined && before.version !== undefined && now.version < before.version;
}
