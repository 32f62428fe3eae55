/**
 * One account's standing with Paradex: a token that lives for five minutes, renewed after three and shared by all who
 * need one; onboarded where Paradex does not know the account and its keys were given.
 */
import type { Client } from '../../clients/client.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Gate } from '../exchange/gate.ts';
import type { ServerTime } from '../exchange/server-time.ts';
import { type Held, Token } from '../exchange/token.ts';
import { objectIn, paradexProblemOf } from './errors.ts';
import type { ParadexAccountOptions, ParadexSettings } from './options.ts';
import { authData, onboardingData, type StarkTypedData, signatureText } from './typed-data.ts';

export interface ParadexParts {
  readonly client: Client;
  readonly gate: Gate;
  readonly time: ServerTime;
  readonly clock: Clock;
  readonly settings: ParadexSettings;
  /** The path of `restUrl`, which stands before every other. */
  readonly base: string;
}

/** How long the signature of a request for a token is good for, in s. */
const PROOF_S = 600;

export class ParadexSession {
  readonly name: string;
  readonly token: Token<string>;
  readonly #account: ParadexAccountOptions;
  readonly #parts: ParadexParts;

  constructor(account: ParadexAccountOptions & { readonly name: string }, parts: ParadexParts) {
    this.name = account.name;
    this.#account = account;
    this.#parts = parts;
    this.token = new Token(parts.clock, () => this.#ask());
  }

  /** Runs what needs a token; once more with a new one when the first is refused. */
  async authorised<T>(send: (section: string) => Promise<T>): Promise<T> {
    const token = await this.token.get();
    try {
      return await send(this.name);
    } catch (thrown) {
      if (paradexProblemOf(thrown)?.meaning !== 'token') throw thrown;
      this.token.refuse(token);
      await this.token.get();
      return send(this.name);
    }
  }

  /** @throws NetError `INVALID` with the signer's own error beneath: nothing was sent */
  async sign(data: StarkTypedData): Promise<string> {
    const { signer, account } = this.#account;
    try {
      return signatureText(await signer.signMessage(data, account));
    } catch (cause) {
      const message = `the signer failed: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw new NetError('INVALID', message, { reach: 'unsent', phase: 'write', cause });
    }
  }

  async #ask(): Promise<Held<string>> {
    try {
      return await this.#authenticate();
    } catch (thrown) {
      const { ethereumAccount, publicKey } = this.#account;
      const unknown = paradexProblemOf(thrown)?.meaning === 'unknown account';
      if (!unknown || ethereumAccount === undefined || publicKey === undefined) throw thrown;
      await this.#onboard(ethereumAccount, publicKey);
      return this.#authenticate();
    }
  }

  async #authenticate(): Promise<Held<string>> {
    const { client, clock, time, settings, base } = this.#parts;
    const { renewMs, tokenMs } = settings.figures;
    const since = clock.now();
    const timestamp = Math.floor(time.now() / 1_000);
    const expiration = timestamp + PROOF_S;
    const signature = await this.sign(authData(settings.network.chainId, `${base}/auth`, timestamp, expiration));
    const headers = {
      'paradex-starknet-account': this.#account.account,
      'paradex-starknet-signature': signature,
      'paradex-timestamp': String(timestamp),
      'paradex-signature-expiration': String(expiration),
    };
    const text = await client.post('/auth', '', { section: this.name, idempotent: true, headers }).text();
    const { jwt_token: value } = objectIn(text);
    if (typeof value !== 'string') {
      throw new NetError('DECODE', 'the answer to POST /auth has no jwt_token', { reach: 'answered' });
    }
    return { value, renewAt: since + renewMs, expiresAt: since + tokenMs };
  }

  async #onboard(ethereumAccount: string, publicKey: string): Promise<void> {
    const { client, settings } = this.#parts;
    const headers = {
      'paradex-ethereum-account': ethereumAccount,
      'paradex-starknet-account': this.#account.account,
      'paradex-starknet-signature': await this.sign(onboardingData(settings.network.chainId)),
    };
    const body = { public_key: publicKey };
    await client.post('/onboarding', body, { section: this.name, idempotent: true, headers }).text();
  }
}
