/**
 * One account's standing with Paradex: a token that lives for five minutes, renewed after three and shared by all who
 * need one; onboarded where Paradex does not know the account and its keys were given.
 */
import { NetError } from '../../core/error.ts';
import type { ExchangeParts, ReadOptions } from '../exchange/exchange.ts';
import { signed } from '../exchange/signer.ts';
import { type Held, type Left, Token } from '../exchange/token.ts';
import { objectIn, paradexProblemOf } from './errors.ts';
import type { ParadexAccountOptions, ParadexSettings } from './options.ts';
import { authData, onboardingData, type StarkTypedData, signatureText } from './typed-data.ts';

export type ParadexParts = ExchangeParts<ParadexSettings>;

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
    this.token = new Token(`a token of account ${account.name}`, parts.clock, () => this.#ask());
  }

  /** @throws NetError when Paradex cannot be reached, or does not take the account */
  async connect(options: ReadOptions = {}): Promise<void> {
    await this.token.get(this.#turn(options));
  }

  /** Runs what needs a token; once more with a new one when the first is refused. */
  authorised<T>(options: ReadOptions, send: (call: Left & { readonly section: string }) => Promise<T>): Promise<T> {
    const section = this.name;
    const refuses = (thrown: unknown): boolean => paradexProblemOf(thrown)?.meaning === 'token';
    return this.token.use(this.#turn(options), (left) => send({ section, ...left }), refuses);
  }

  /** @throws NetError `INVALID` with the signer's own error beneath: nothing was sent */
  async sign(data: StarkTypedData): Promise<string> {
    const { signer, account } = this.#account;
    return signed(async () => signatureText(await signer.signMessage(data, account)));
  }

  #turn({ signal, deadlineMs = this.#parts.deadlineMs }: ReadOptions) {
    return { signal, deadlineAt: this.#parts.clock.now() + deadlineMs };
  }

  async #ask(): Promise<Held<string>> {
    try {
      return await this.#authenticate();
    } catch (thrown) {
      const { ethereumAccount, publicKey } = this.#account;
      const { meaning } = paradexProblemOf(thrown) ?? {};
      if (meaning === 'clock') return this.#authenticate(); // by their clock, which the refusal has told
      if (meaning !== 'unknown account' || ethereumAccount === undefined || publicKey === undefined) throw thrown;
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
