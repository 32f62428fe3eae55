/**
 * What opens the admin listener: the token, which stays as long as the gateway; codes, good once and for ten minutes,
 * by which a browser is let in without the token; and what each browser gets for its code, good for half a day.
 *
 *   token ──issue──▶ code ──enter──▶ session ──(12 h, end, or 64 younger ones)──▶ nothing
 *
 * Only digests are kept of what is compared, so that comparing takes the same time whatever is shown.
 * docs/decisions/0019 says why there are no cookies.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const CODE_MS = 10 * 60_000;
const SESSION_MS = 12 * 3_600_000;
/** What is kept of each; beyond it the oldest goes. */
const CODES_MAX = 16;
const SESSIONS_MAX = 64;

export class Keys {
  readonly #token: Buffer;
  readonly #codes = new Map<string, number>();
  readonly #sessions = new Map<string, number>();
  readonly #now: () => number;

  constructor(token: string, now: () => number = () => performance.now()) {
    this.#token = digest(token);
    this.#now = now;
  }

  /** Whether an Authorization field shows the token, or a session. */
  opens(authorization: string | undefined): boolean {
    const [, shown] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '') ?? [];
    return shown !== undefined && this.#knows(digest(shown));
  }

  /** A code for one browser. */
  issue(): { readonly code: string; readonly forMs: number } {
    const code = made();
    keep(this.#codes, digest(code).toString('hex'), this.#now() + CODE_MS, CODES_MAX);
    return { code, forMs: CODE_MS };
  }

  /** A session for a code, which is used up by it, or for the token. Nothing for anything else. */
  enter(shown: string): { readonly session: string; readonly forMs: number } | undefined {
    const key = digest(shown);
    const until = this.#codes.get(key.toString('hex')) ?? Number.NEGATIVE_INFINITY;
    this.#codes.delete(key.toString('hex'));
    if (until < this.#now() && !timingSafeEqual(key, this.#token)) return undefined;
    const session = made();
    keep(this.#sessions, digest(session).toString('hex'), this.#now() + SESSION_MS, SESSIONS_MAX);
    return { session, forMs: SESSION_MS };
  }

  /** Ends the session an Authorization field shows; the token has none. */
  end(authorization: string | undefined): void {
    this.#sessions.delete(digest((authorization ?? '').replace(/^Bearer /i, '')).toString('hex'));
  }

  #knows(key: Buffer): boolean {
    if (timingSafeEqual(key, this.#token)) return true;
    return (this.#sessions.get(key.toString('hex')) ?? Number.NEGATIVE_INFINITY) >= this.#now();
  }
}

/** 256 bits that nobody guesses, in letters a header, a file and a shell leave alone. */
export const made = (): string => randomBytes(32).toString('base64url');

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function keep(all: Map<string, number>, key: string, until: number, max: number): void {
  all.set(key, until);
  for (const oldest of all.keys()) {
    if (all.size <= max) return;
    all.delete(oldest);
  }
}
