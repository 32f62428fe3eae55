/**
 * Whether connections are well: each is asked at a steady pace, and at once when a stream on it has stalled.
 *
 *   ready ──every `healthCheckMs`──▶ asked ──well──▶ ready
 *                                      └─`healthFailuresMax` times in a row not──▶ drains, and is closed when it has
 *   the server does not know the question (UNIMPLEMENTED, NOT_FOUND) ──▶ none is asked any more
 *
 * Any answer but UNAVAILABLE, or none in time, proves a connection well; what else it says is about the question.
 */
import { afterInput, type Clock } from '../../core/clock.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import type { Member } from '../../pool/member.ts';
import type { Members } from '../../pool/members.ts';
import type { GrpcCaller } from './kinds.ts';
import type { GrpcMethod } from './method.ts';
import type { GrpcPoolNumbers, GrpcProbe } from './pool-options.ts';

export interface HealthParts {
  readonly members: Members;
  readonly clock: Clock;
  readonly numbers: GrpcPoolNumbers;
  readonly probe: GrpcProbe | undefined;
  readonly service: string;
  callerOf(member: Member): GrpcCaller;
}

interface Record {
  dueAt: number;
  failures: number;
  asking: boolean;
}

export class HealthChecks {
  readonly #parts: HealthParts;
  readonly #records = new WeakMap<Member, Record>();
  #off: boolean;
  checked = 0;
  failed = 0;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#off = parts.numbers.healthCheckMs === Number.POSITIVE_INFINITY;
  }

  /** Whether connections are asked at all. */
  get on(): boolean {
    return !this.#off;
  }

  failuresOf(member: Member): number {
    return this.#records.get(member)?.failures ?? 0;
  }

  tick(now: number): void {
    if (this.#off) return;
    for (const member of this.#parts.members.all) {
      // One whose streams are all in use is not asked: the question would wait for a place, and prove nothing.
      if (member.hasRoom && now >= this.#recordOf(member).dueAt) void this.#ask(member);
    }
  }

  /** A stream on it has stalled. Where nobody can be asked, that is proof enough. */
  suspect(member: Member): void {
    if (member.state !== 'ready') return;
    if (this.#off) this.#parts.members.drain(member, 'health');
    else void this.#ask(member);
  }

  #recordOf(member: Member): Record {
    let record = this.#records.get(member);
    if (record === undefined) {
      const { healthCheckMs } = this.#parts.numbers;
      record = { dueAt: member.openedAt + healthCheckMs, failures: 0, asking: false };
      this.#records.set(member, record);
    }
    return record;
  }

  async #ask(member: Member): Promise<void> {
    const { members, clock, numbers } = this.#parts;
    const record = this.#recordOf(member);
    if (record.asking) return;
    record.asking = true;
    this.checked++;
    members.begin(member);
    const verdict = await this.#verdict(member).finally(() => members.end(member));
    record.asking = false;
    if (verdict === 'unknown') {
      this.#off = true;
      return;
    }
    record.failures = verdict === 'well' ? 0 : record.failures + 1;
    if (verdict === 'ill') this.failed++;
    // After a failure the next one follows soon: what is ill must not carry streams for another half a minute.
    record.dueAt = clock.now() + (verdict === 'well' ? numbers.healthCheckMs : numbers.healthDeadlineMs);
    if (record.failures >= numbers.healthFailuresMax) members.drain(member, 'health');
  }

  async #verdict(member: Member): Promise<'well' | 'ill' | 'unknown'> {
    const { probe, numbers, clock, service, callerOf } = this.#parts;
    const caller = callerOf(member);
    if (probe !== undefined) return probed(probe, caller, clock, numbers.healthDeadlineMs);
    try {
      const { message } = await caller.unary(CHECK, service, { deadlineMs: numbers.healthDeadlineMs });
      return message === SERVING ? 'well' : 'ill';
    } catch (error) {
      const status = error instanceof GrpcError ? error.status : 'UNAVAILABLE';
      if (status === 'UNIMPLEMENTED' || status === 'NOT_FOUND') return 'unknown';
      return status === 'UNAVAILABLE' || status === 'DEADLINE_EXCEEDED' || status === 'CANCELLED' ? 'ill' : 'well';
    }
  }
}

async function probed(probe: GrpcProbe, caller: GrpcCaller, clock: Clock, deadlineMs: number): Promise<'well' | 'ill'> {
  const ending = new AbortController();
  const late = Promise.withResolvers<'ill'>();
  const timer = afterInput(clock, deadlineMs, () => {
    ending.abort(new Error(`the probe took longer than ${deadlineMs} ms`));
    late.resolve('ill');
  });
  const asked = (async () => probe(caller, ending.signal))().then(
    () => 'well' as const,
    () => 'ill' as const,
  );
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    timer.cancel();
  }
}

/** `ServingStatus.SERVING` of grpc.health.v1. */
const SERVING = 1;

/** grpc.health.v1: a request is the name of a service (field 1), an answer one enumerated value (field 1). */
const CHECK: GrpcMethod<string, number> = {
  path: '/grpc.health.v1.Health/Check',
  idempotent: true,
  encode(service) {
    const name = new TextEncoder().encode(service);
    if (name.length === 0) return name;
    const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7];
    return Uint8Array.of(0x0a, ...length, ...name);
  },
  decode: (bytes) => (bytes.length >= 2 && bytes[0] === 0x08 ? bytes[1]! : 0),
};
