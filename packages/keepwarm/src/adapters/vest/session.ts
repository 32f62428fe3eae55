/**
 * One account's standing with Vest: registered, its API key fresh, its listen key kept alive; and its private reads.
 *
 *   new ──▶ registering ──▶ registered ──▶ (refused, or old) registering …
 *   none ──▶ POST ──▶ listening ──▶ PUT, in the background ──▶ listening …; given back on close
 */
import type { Query } from '../../clients/targets.ts';
import { NetError } from '../../core/error.ts';
import type { ExchangeParts, ReadOptions } from '../exchange/exchange.ts';
import { signed } from '../exchange/signer.ts';
import { type Held, type Left, Token } from '../exchange/token.ts';
import { asObject, vestProblemOf } from './errors.ts';
import type { VestAccountOptions, VestSettings } from './options.ts';
import { signerProof } from './signatures.ts';

/** What Vest gave for a registration. */
export interface VestKey {
  readonly apiKey: string;
  readonly accountGroup: number;
}

export type VestParts = ExchangeParts<VestSettings>;

/** Share of its life after which a registration is made anew. */
const RENEW_SHARE = 0.9;
export class VestSession {
  readonly name: string;
  readonly token: Token<VestKey>;
  readonly #account: VestAccountOptions;
  readonly #parts: VestParts;
  readonly #listening: Token<string>;
  /** The last one there was: renewed rather than made anew, as long as Vest knows it. */
  #listenKey: string | undefined;
  #closed = false;
  /** Where it was last served; kept while it registers anew. */
  accountGroup: number | undefined;

  constructor(account: VestAccountOptions & { readonly name: string }, parts: VestParts) {
    this.name = account.name;
    this.#account = account;
    this.#parts = parts;
    this.token = new Token(`a key of account ${account.name}`, parts.clock, () => this.#register());
    this.#listening = new Token(`a listen key of account ${account.name}`, parts.clock, () => this.#listen());
  }

  get registrations(): number {
    return this.token.fetches;
  }

  /** @throws NetError when Vest cannot be reached or does not take the proof */
  async connect(options: ReadOptions = {}): Promise<void> {
    await this.token.get(this.#turn(options));
    await this.listenKey(options);
  }

  /** The key that private streams are opened with: made once, then kept alive. */
  listenKey(options: ReadOptions = {}): Promise<string> {
    return this.#listening.get(this.#turn(options));
  }

  /** The listen key there is was not taken. */
  dropListenKey(): void {
    if (this.#listenKey !== undefined) this.#listening.refuse(this.#listenKey);
    this.#listenKey = undefined;
  }

  /** A private read. */
  read<T>(path: string, query: Readonly<Record<string, unknown>>, options: ReadOptions = {}): Promise<T> {
    const { client, time } = this.#parts;
    return this.authorised(options, (call) =>
      client.get(path, { ...call, query: { ...query, time: time.now() } as Query }).json<T>(),
    );
  }

  /** Runs what needs a key; once more with a new one when the first is refused. */
  authorised<T>(options: ReadOptions, send: (call: Left & { readonly section: string }) => Promise<T>): Promise<T> {
    const section = this.name;
    const refuses = (thrown: unknown): boolean => this.refusesKey(thrown);
    return this.token.use(this.#turn(options), (left) => send({ section, ...left }), refuses);
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
    this.#listening.close();
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

  #turn({ signal, deadlineMs = this.#parts.deadlineMs }: ReadOptions) {
    return { signal, deadlineAt: this.#parts.clock.now() + deadlineMs };
  }

  /** Vest renews the one there is; one it does not know is made anew. */
  async #listen(): Promise<Held<string>> {
    const { client, clock, settings } = this.#parts;
    const { listenKeyMs } = settings.figures;
    const since = clock.now();
    const before = this.#listenKey;
    const kept = before !== undefined && (await this.#renewed(before));
    const value = kept ? before : await this.#newListenKey(client);
    this.#listenKey = value;
    return { value, renewAt: since + listenKeyMs, expiresAt: since + LISTEN_LIVES * listenKeyMs };
  }

  async #renewed(listenKey: string): Promise<boolean> {
    try {
      await this.authorised({}, (call) => this.#parts.client.put('/account/listenKey', { listenKey }, call).json());
      return true;
    } catch (thrown) {
      if (vestProblemOf(thrown)?.code === INVALID_LISTEN_KEY) return false;
      throw thrown;
    }
  }

  async #newListenKey(client: VestParts['client']): Promise<string> {
    const answer = await this.authorised({}, (call) =>
      client.post('/account/listenKey', undefined, { ...call, idempotent: true }).json(),
    );
    const { listenKey } = asObject(answer);
    if (typeof listenKey !== 'string') throw unexpected('POST /account/listenKey', 'no listenKey');
    return listenKey;
  }

  async #register(): Promise<Held<VestKey>> {
    const { primary, signer } = this.#account;
    const { client, clock, time, settings } = this.#parts;
    const { contract } = settings.network;
    const { proofMs } = settings.figures;
    const since = clock.now();
    const expiryTime = time.now() + proofMs;
    const signingAddr = signer.address.toLowerCase();
    const signature = await signed(() => primary.signTypedData(signerProof(contract, signingAddr, expiryTime)));
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
/** A listen key lives for about as long as this many renewals are apart. */
const LISTEN_LIVES = 2;
/** How long a listen key's end may take at closing, in ms. */
const GOODBYE_MS = 1_000;

export function unexpected(what: string, how: string): NetError {
  return new NetError('DECODE', `the answer to ${what} has ${how}`, { reach: 'answered' });
}
