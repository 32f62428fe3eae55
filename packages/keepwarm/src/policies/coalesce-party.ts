/** One caller who waits for an attempt shared with others. */
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Call } from '../core/call.ts';
import type { Due } from '../core/due.ts';
import { type Code, NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';

/** Told when a caller waits no longer, while the others do. */
export interface Company {
  left(party: Party, error: NetError): void;
}

export class Party implements Abortable, Due {
  readonly call: Call;
  readonly reply: Promise<Reply>;
  resolve!: (reply: Reply | Promise<Reply>) => void;
  reject!: (error: unknown) => void;
  dueAt: number;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  readonly #company: Company;

  constructor(call: Call, company: Company) {
    this.call = call;
    this.dueAt = call.deadlineAt;
    this.#company = company;
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (call.signal !== undefined) listen(call.signal, this);
  }

  due(): void {
    this.#company.left(this, this.#gone('DEADLINE', 'ran out of time'));
  }

  aborted(reason: unknown): void {
    this.#company.left(this, this.#gone('ABORTED', 'was aborted by its caller', reason));
  }

  settle(): void {
    if (this.call.signal !== undefined) unlisten(this.call.signal, this);
  }

  #gone(code: Code, what: string, cause?: unknown): NetError {
    const { method, origin } = this.call;
    const message = `${method} ${origin.key} ${what} while it waited for an answer that others wait for as well`;
    return new NetError(code, message, { reach: 'unknown', phase: 'head', origin: origin.key, cause });
  }
}
