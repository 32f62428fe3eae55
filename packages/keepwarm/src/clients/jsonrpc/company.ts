/**
 * Callers who ask for the same at the same time share one request. Reads only.
 *
 *   first ──asks──▶ under way ──▶ its outcome, for all who came meanwhile
 *   later ──joins──▶    │
 *                       └── the first left early (signal, deadline): whoever else waits asks anew
 *
 * Invariants:
 *   (1) Nobody joins a request that began before a call of this client that may change something began or ended: who
 *       has written reads what it wrote.
 *   (2) Each caller leaves by its own signal and deadline, at once, and harms nobody.
 *   (3) Each caller has a result of its own: none sees what another does to it.
 */
import { NOWHERE, type Passing, PassingTexts } from '../../algo/passing-texts.ts';
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { type Due, DueList } from '../../core/due.ts';
import { NetError } from '../../core/error.ts';
import { copyOf } from '../../wire/jsonrpc/copy.ts';

/** Requests that can be joined at a time; further ones are made as they are. */
const REQUESTS_MAX = 10_000;
/** Callers of one request; the next makes its own. */
const PARTIES_MAX = 1_000;

/** One caller's reasons to leave. */
export interface Leave {
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  readonly deadlineAt: number;
}

export interface CompanySnapshot {
  /** Callers who got the answer to another's request. */
  readonly joined: number;
}

/** A request under way that others may join. It is told how that ends before any of its callers. */
export class Shared implements Passing<Shared> {
  readonly #company: Company;
  readonly group: string;
  readonly text: string;
  alike: Shared | undefined;
  slot = NOWHERE;
  promise: Promise<unknown> | undefined;
  parties = 1;
  over = false;
  /** A result that is an object, as it was before the first caller saw it: what the others' copies are made of. */
  untouched: unknown;

  constructor(company: Company, method: string, key: string) {
    this.#company = company;
    this.group = method;
    this.text = key;
  }

  answered(value: unknown): void {
    this.failed();
    if (this.parties > 1 && typeof value === 'object') this.untouched = copyOf(value);
  }

  failed(): void {
    this.over = true;
    this.#company.leave(this);
  }
}

export class Company {
  readonly #due: DueList;
  /** By method and params. */
  readonly #shared = new PassingTexts<Shared>();
  #joined = 0;

  constructor(clock: Clock) {
    this.#due = new DueList(clock);
  }

  /** The request under way that asks for the same, where there is one to join. */
  find(method: string, key: string): Shared | undefined {
    const known = this.#shared.find(method, key);
    return known === undefined || known.parties >= PARTIES_MAX ? undefined : known;
  }

  /** @param anew makes the request, if the one that is joined does not do */
  join(known: Shared, leave: Leave, anew: () => Promise<unknown>): Promise<unknown> {
    known.parties++;
    this.#joined++;
    return new Follower(this.#due, leave, anew).follow(known);
  }

  /** A request to be made that others may join once it is `led`; nothing while there are too many. */
  open(method: string, key: string): Shared | undefined {
    return this.#shared.size >= REQUESTS_MAX ? undefined : new Shared(this, method, key);
  }

  /** It is under way, unless it has ended already; in place of one that nobody else can join. */
  led(shared: Shared, promise: Promise<unknown>): Promise<unknown> {
    if (shared.over) return promise;
    shared.promise = promise;
    this.#shared.put(shared);
    return promise;
  }

  /** For the request itself: it is over. Another may have taken its place. */
  leave(shared: Shared): void {
    this.#shared.remove(shared);
  }

  /** Something may be changed, or has been: what is under way may be from before. */
  changed(): void {
    this.#shared.clear();
  }

  snapshot(): CompanySnapshot {
    return { joined: this.#joined };
  }
}

class Follower implements Due, Abortable {
  dueAt: number;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  readonly #due: DueList;
  readonly #leave: Leave;
  readonly #anew: () => Promise<unknown>;
  #ended = false;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(due: DueList, leave: Leave, anew: () => Promise<unknown>) {
    this.#due = due;
    this.#leave = leave;
    this.#anew = anew;
    this.dueAt = leave.deadlineAt;
  }

  follow(leader: Shared): Promise<unknown> {
    const { signal } = this.#leave;
    if (signal?.aborted === true) return Promise.reject(this.#left('ABORTED', signal.reason));
    if (signal !== undefined) listen(signal, this);
    if (this.dueAt !== Number.POSITIVE_INFINITY) this.#due.join(this);
    leader.promise!.then(
      (value) => this.#answered(typeof value === 'object' ? copyOf(leader.untouched) : value),
      (error: unknown) => (leftEarly(error) ? this.#askAnew() : this.#failed(error)),
    );
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  aborted(reason: unknown): void {
    this.#failed(this.#left('ABORTED', reason));
  }

  due(): void {
    this.#failed(this.#left('DEADLINE', undefined));
  }

  /** Its own reasons to leave go on to hold: the time it has waited counts. */
  #askAnew(): void {
    if (this.#ended) return;
    this.#anew().then(
      (value) => this.#answered(value),
      (error: unknown) => this.#failed(error),
    );
  }

  #answered(value: unknown): void {
    if (this.#end()) this.#resolve(value);
  }

  #failed(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#due.leave(this);
    if (this.#leave.signal !== undefined) unlisten(this.#leave.signal, this);
    return true;
  }

  #left(code: 'ABORTED' | 'DEADLINE', cause: unknown): NetError {
    const how = code === 'ABORTED' ? 'was aborted by its caller' : 'ran out of time';
    const message = `${this.#leave.what} ${how} while it waited for the answer to another's request`;
    return new NetError(code, message, { reach: 'unknown', phase: 'head', cause });
  }
}

/** By the signal or deadline of the one who made the request, which is nobody else's. */
function leftEarly(error: unknown): boolean {
  return error instanceof NetError && (error.code === 'ABORTED' || error.code === 'DEADLINE');
}
