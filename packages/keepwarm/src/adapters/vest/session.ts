/**
 * One account's standing with Vest: registered, its API key fresh, its listen key kept alive; and its private reads.
 *
 *   new ──▶ registering ──▶ registered ──▶ (refused, or old) registering …
 *                               └ connect(): a listen key as well, renewed by timer, given back on close
 */
import type { Client } from '../../clients/client.ts';
import type { Query } from '../../clients/targets.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Gate } from '../exchange/gate.ts';
import type { ServerTime } from '../exchange/server-time.ts';
import { type Held, Token } from '../exchange/token.ts';
import { asObject, vestProblemOf } from './errors.ts';
import type { VestAccountOptions, VestSettings } from './options.ts';
import { signerProof } from './signatures.ts';

/** What Vest gave for a registration. */
export interface VestKey {
  readonly apiKey: string;
  readonly accountGroup: number;
}

/** What all accounts of a client share. */
export interface VestParts {
  readonly client: Client;
  readonly gate: Gate;
  readonly time: ServerTime;
  readonly clock: Clock;
  readonly settings: VestSettings;
  /** The path of `restUrl`, which stands before every other. */
  readonly base: string;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** Share of its life after which a registration is made anew. */
const RENEW_SHARE = 0.9;
/** Between one failed renewal of a listen key and the next, in ms. */
const LISTEN_AGAIN_MS = 5_000;

export class VestSession {
  readonly name: string;
  readonly token: Token<VestKey>;
  readonly #account: VestAccountOptions;
  readonly #parts: VestParts;
  #listenKey: string | undefined;
  #listening: Timer | undefined;
  #closed = false;
  /** Where it was last served; kept while it registers anew. */
  accountGroup: number | undefined;

  constructor(account: VestAccountOptions & { readonly name: string }, parts: VestParts) {
    this.name = account.name;
    this.#account = account;
    this.#parts = parts;
    this.token = new Token(parts.clock, () => this.#register());
  }

  get registrations(): number {
    return this.token.fetches;
  }

  /** @throws NetError when Vest cannot be reached or does not take the proof */
  async connect(options: ReadOptions = {}): Promise<void> {
    await this.token.get();
    await this.listenKey(options);
  }

  /** The key that private streams are opened with: made once, then kept alive. */
  async listenKey(options: ReadOptions = {}): Promise<string> {
    if (this.#listenKey !== undefined) return this.#listenKey;
    const { client } = this.#parts;
    const answer = await this.authorised((section) =>
      client.post('/account/listenKey', undefined, { section, idempotent: true, ...options }).json(),
    );
    const { listenKey } = asObject(answer);
    if (typeof listenKey !== 'string') throw unexpected('POST /account/listenKey', 'no listenKey');
    this.#listenKey = listenKey;
    this.#keepListening(this.#parts.settings.figures.listenKeyMs);
    return listenKey;
  }

  /** A listen key that the peer does not take. */
  dropListenKey(): void {
    this.#listenKey = undefined;
    this.#listening?.cancel();
  }

  /** A private read. */
  read<T>(path: string, query: Readonly<Record<string, unknown>>, options: ReadOptions = {}): Promise<T> {
    const { client, time } = this.#parts;
    const { signal, deadlineMs } = options;
    return this.authorised((section) => {
      const asked = { ...query, time: time.now() } as Query;
      return client.get(path, { section, query: asked, signal, deadlineMs }).json<T>();
    });
  }

  /** Runs what needs a key; once more with a new one when the first is refused. */
  async authorised<T>(send: (section: string) => Promise<T>): Promise<T> {
    const key = await this.token.get();
    try {
      return await send(this.name);
    } catch (thrown) {
      if (!this.refusesKey(thrown)) throw thrown;
      this.token.refuse(key);
      await this.token.get();
      return send(this.name);
    }
  }

  refusesKey(thrown: unknown): boolean {
    const meaning = vestProblemOf(thrown)?.meaning;
    return meaning === 'key' || meaning === 'group' || (thrown instanceof NetError && thrown.status === 401);
  }

  /** Gives the listen key back. Twice is harmless; never fails. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { client } = this.#parts;
    const listenKey = this.#listenKey;
    this.dropListenKey();
    if (listenKey !== undefined && this.token.current !== undefined) {
      const body = { listenKey };
      const end = { method: 'DELETE', section: this.name, body: JSON.stringify(body), deadlineMs: GOODBYE_MS };
      await client
        .request('/account/listenKey', { ...end, headers: { 'content-type': 'application/json' } })
        .then((reply) => reply.text())
        .catch(() => ''); // it ends by itself within the hour
    }
    this.token.close();
  }

  #keepListening(ms: number): void {
    this.#listening?.cancel();
    if (this.#closed) return;
    this.#listening = this.#parts.clock.after(ms, () => {
      const { client, settings } = this.#parts;
      const body = { listenKey: this.#listenKey };
      this.authorised((section) => client.put('/account/listenKey', body, { section }).json()).then(
        () => this.#keepListening(settings.figures.listenKeyMs),
        (error: unknown) => {
          if (vestProblemOf(error)?.code === INVALID_LISTEN_KEY) this.dropListenKey();
          else this.#keepListening(LISTEN_AGAIN_MS);
        },
      );
    });
  }

  async #register(): Promise<Held<VestKey>> {
    const { primary, signer } = this.#account;
    const { client, clock, time, settings } = this.#parts;
    const { contract } = settings.network;
    const { proofMs } = settings.figures;
    const since = clock.now();
    const expiryTime = time.now() + proofMs;
    const signingAddr = signer.address.toLowerCase();
    const signature = await signed(primary.signTypedData(signerProof(contract, signingAddr, expiryTime)));
    const proof = { signingAddr, primaryAddr: primary.address.toLowerCase(), signature, expiryTime, networkType: 0 };
    // Done twice, it gives a key twice: it may be repeated.
    const answer = await client.post('/register', proof, { section: this.name, idempotent: true }).json();
    const { apiKey, accGroup } = asObject(answer);
    if (typeof apiKey !== 'string') throw unexpected('POST /register', 'no apiKey');
    this.accountGroup = typeof accGroup === 'number' ? accGroup : 0;
    const value = { apiKey, accountGroup: this.accountGroup };
    return { value, renewAt: since + RENEW_SHARE * proofMs, expiresAt: since + proofMs };
  }
}

const INVALID_LISTEN_KEY = 1125;
/** How long a listen key's end may take at closing, in ms. */
const GOODBYE_MS = 1_000;

/** @throws NetError `INVALID` with the signer's own error beneath: nothing was sent */
export async function signed(signature: Promise<string>): Promise<string> {
  try {
    return await signature;
  } catch (cause) {
    const message = `the signer failed: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new NetError('INVALID', message, { reach: 'unsent', phase: 'write', cause });
  }
}

export function unexpected(what: string, how: string): NetError {
  return new NetError('DECODE', `the answer to ${what} has ${how}`, { reach: 'answered' });
}
