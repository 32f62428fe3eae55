/** One call under way that several wait for: the states and invariants stand at the head of `coalesce.ts`. */
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Call, Send } from '../core/call.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { DueList } from '../core/due.ts';
import { NetError } from '../core/error.ts';
import { type BodySource, Reply } from '../core/reply.ts';
import { type Company, Party } from './coalesce-party.ts';
import { ReadAhead } from './read-ahead.ts';

/** What all attempts of a policy share. */
export interface AttemptHost {
  readonly options: {
    readonly bodyBytesMax: number;
    readonly bodyMs: number;
    readonly partiesMax: number;
    readonly cookies: boolean;
  };
  readonly clock: Clock;
  readonly due: DueList;
  separated: number;
  send(call: Call, next: Send): Promise<Reply>;
  /** It can be joined no more. Once is enough. */
  seal(attempt: Attempt): void;
}

/** One call under way, and everybody who waits for it. */
export class Attempt implements Company {
  readonly key: string;
  readonly first: Call;
  readonly parties = new Set<Party>();
  readonly #desk: AttemptHost;
  readonly #next: Send;
  /** By which the call under way is ended when nobody waits any more; only there when its caller can leave. */
  #controller: AbortController | undefined;
  #body: ReadAhead | undefined;
  #timer: Timer | undefined;

  constructor(desk: AttemptHost, next: Send, first: Call, key: string) {
    this.#desk = desk;
    this.#next = next;
    this.first = first;
    this.key = key;
  }

  admits({ limits }: Call, next: Send): boolean {
    const { queueMs, firstByteMs, betweenBytesMs, bodyBytesMax } = this.first.limits;
    return (
      next === this.#next &&
      this.parties.size < this.#desk.options.partiesMax &&
      (limits === this.first.limits ||
        (limits.queueMs === queueMs &&
          limits.firstByteMs === firstByteMs &&
          limits.betweenBytesMs === betweenBytesMs &&
          limits.bodyBytesMax === bodyBytesMax))
    );
  }

  join(call: Call): Party {
    const party = new Party(call, this);
    this.parties.add(party);
    if (party.dueAt < this.first.deadlineAt) this.#desk.due.join(party);
    return party;
  }

  start(call: Call): void {
    this.#controller = call.signal === undefined ? undefined : new AbortController();
    const sent = this.#controller === undefined ? call : { ...call, signal: this.#controller.signal };
    sentBy(this.#next, sent).then(
      (answer) => this.#answered(answer),
      (error: unknown) => this.#failed(error),
    );
  }

  left(party: Party, error: NetError): void {
    this.#release(party);
    party.reject(error);
    if (this.parties.size > 0) return;
    this.#desk.seal(this);
    this.#timer?.cancel();
    this.#body?.cancel(error);
    this.#controller?.abort(error.cause ?? error);
  }

  #release(party: Party): void {
    this.parties.delete(party);
    if (party.listed) this.#desk.due.leave(party);
    party.settle();
  }

  #answered(reply: Reply): void {
    this.#desk.seal(this);
    if (this.parties.size === 0) return reply.discard();
    const { headers } = reply;
    const { bodyBytesMax, cookies } = this.#desk.options;
    if (this.parties.size === 1 || (!cookies && headers.has('set-cookie'))) return this.#hand(reply);
    const body = reply.take();
    if (body instanceof Uint8Array) return this.#share(reply, body);
    const endless = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    this.#readAhead(reply, body, endless || body.bytesExpected > bodyBytesMax);
  }

  #readAhead(reply: Reply, source: BodySource, hopeless: boolean): void {
    const { bodyBytesMax, bodyMs } = this.#desk.options;
    if (hopeless) return this.#hand(withBody(reply, source));
    const body = new ReadAhead(source, bodyBytesMax);
    this.#body = body;
    this.#timer = this.#desk.clock.after(bodyMs, () => body.giveUp());
    const over = () => {
      this.#body = undefined;
      this.#timer?.cancel();
    };
    body.gather({
      whole: (bytes) => {
        over();
        this.#share(reply, bytes);
      },
      live: () => {
        over();
        this.#hand(withBody(reply, body));
      },
      failed: (error) => {
        over();
        this.#failed(error);
      },
    });
  }

  /** A copy of the bytes for each but one. */
  #share(reply: Reply, bytes: Uint8Array): void {
    let own = bytes;
    for (const party of this.parties) {
      this.#release(party);
      party.resolve(withBody(reply, own));
      own = Buffer.from(bytes);
    }
  }

  /** The one who has waited longest gets it as it is; the others ask for themselves. */
  #hand(reply: Reply): void {
    let handed = false;
    for (const party of this.parties) {
      this.#release(party);
      if (handed) {
        this.#desk.separated++;
        party.resolve(sentBy(this.#next, party.call));
      } else {
        handed = true;
        this.#follow(party.call, reply);
        party.resolve(reply);
      }
    }
  }

  /** What comes yet is this caller's alone: its signal and its deadline end it, as if it had made the call itself. */
  #follow({ signal, deadlineAt }: Call, reply: Reply): void {
    if (reply.ended) return;
    if (deadlineAt !== this.first.deadlineAt) reply.extendDeadline(deadlineAt);
    if (signal === undefined) return;
    const caller: Abortable = { aborted: (reason) => this.#controller?.abort(reason) };
    listen(signal, caller);
    reply.onEnd(() => unlisten(signal, caller));
  }

  #failed(thrown: unknown): void {
    this.#desk.seal(this);
    const timeIsUp = thrown instanceof NetError && thrown.code === 'DEADLINE';
    // It may have failed before its time, as it could not have started within it: who has no more fails as well.
    const until = Math.max(this.first.deadlineAt, this.#desk.clock.now());
    for (const party of this.parties) {
      this.#release(party);
      if (timeIsUp && party.call.deadlineAt > until) party.resolve(this.#desk.send(party.call, this.#next));
      else party.reject(thrown);
    }
  }
}

/** That it could not be sent at all is an outcome as any other: the others wait for theirs. */
function sentBy(next: Send, call: Call): Promise<Reply> {
  try {
    return next(call);
  } catch (error) {
    return Promise.reject(error);
  }
}

function withBody(reply: Reply, body: Uint8Array | BodySource): Reply {
  if (!reply.encoded) return reply.with(body);
  const copy = new Reply(reply.status, reply.headers, body, true, reply.socketId, reply.reused);
  copy.trailers = reply.ending?.trailers ?? reply.trailers;
  copy.from = reply.from;
  if (!(body instanceof Uint8Array)) reply.onEnd(() => copy.finish(reply.ending));
  return reply.movedTo === undefined ? copy : copy.moved(reply.movedTo);
}
