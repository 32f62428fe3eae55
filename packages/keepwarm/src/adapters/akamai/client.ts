/**
 * Akamai's APIs for many customers: each section of `.edgerc` has a client of its own, with its own connections, limits
 * and breaker, so that one customer's storm is nobody else's.
 */
import type { BodyInput } from '../../clients/call-body.ts';
import type { RequestOptions } from '../../clients/client.ts';
import type { FullReply, Pending } from '../../clients/pending.ts';
import {
  type Credentials,
  type CredentialsSource,
  checkCredentials,
  findCredentials,
  sectionOf,
} from './credentials.ts';
import type { SectionHealth } from './health.ts';
import {
  type AccountChoice,
  type AkamaiCallOptions,
  AkamaiSection,
  type BatchItem,
  type SectionOptions,
} from './section.ts';

export interface AkamaiOptions extends SectionOptions, CredentialsSource {
  /** Given outright, for the section of this name; no file and no environment is looked at for it. */
  readonly credentials?: Partial<Credentials> | undefined;
  /** Another account for all calls, of every section; over what `.edgerc` says. */
  readonly accountSwitchKey?: string | undefined;
}

/** Redirects within the API's host; each is signed anew. */
const REDIRECTS_MAX = 5;

export interface AkamaiHealth {
  readonly healthy: boolean;
  /** Of those used so far, by name. */
  readonly sections: Readonly<Record<string, SectionHealth>>;
}

export class AkamaiClient {
  readonly #options: AkamaiOptions;
  readonly #own: string;
  readonly #sections = new Map<string, AkamaiSection>();
  #closed = false;

  /** @throws NetError `INVALID` naming the file, the section or the settings that are missing */
  constructor(options: AkamaiOptions = {}) {
    this.#options = options;
    this.#own = sectionOf(options);
    this.section(this.#own);
  }

  /** The client of a section, made when it is first asked for. @throws NetError `INVALID` for one there is not */
  section(name: string): AkamaiSection {
    let section = this.#sections.get(name);
    if (section === undefined) {
      section = new AkamaiSection(name, this.#credentialsOf(name), this.#sectionOptions());
      if (this.#closed) section.client.destroy();
      else this.#sections.set(name, section);
    }
    return section;
  }

  request(path: string, options?: RequestOptions & AccountChoice): Pending {
    return this.section(this.#own).request(path, options);
  }
  get(path: string, options?: AkamaiCallOptions): Pending {
    return this.section(this.#own).get(path, options);
  }
  head(path: string, options?: AkamaiCallOptions): Pending {
    return this.section(this.#own).head(path, options);
  }
  delete(path: string, options?: AkamaiCallOptions): Pending {
    return this.section(this.#own).delete(path, options);
  }
  post(path: string, body?: BodyInput, options?: AkamaiCallOptions): Pending {
    return this.section(this.#own).post(path, body, options);
  }
  put(path: string, body?: BodyInput, options?: AkamaiCallOptions): Pending {
    return this.section(this.#own).put(path, body, options);
  }
  patch(path: string, body?: BodyInput, options?: AkamaiCallOptions): Pending {
    return this.section(this.#own).patch(path, body, options);
  }

  /** See `AkamaiSection.batch`. */
  batch<T = unknown>(
    items: readonly BatchItem[],
    options?: { readonly concurrency?: number; readonly signal?: AbortSignal },
  ): Promise<PromiseSettledResult<FullReply<T>>[]> {
    return this.section(this.#own).batch<T>(items, options);
  }

  /** Pools, DNS cache, HTTP/2 sessions and breakers of all sections used so far. Nothing is sent. */
  healthCheck(): AkamaiHealth {
    const sections = [...this.#sections].map(([name, section]) => [name, section.health()] as const);
    return { healthy: sections.every(([, { healthy }]) => healthy), sections: Object.fromEntries(sections) };
  }

  /** Takes no more calls, lets those under way finish, then closes everything. Twice is harmless. */
  async close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#sections.values()].map(({ client }) => client.close(options)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #credentialsOf(name: string): Credentials {
    const { credentials, edgercPath, env, accountSwitchKey } = this.#options;
    const outright = credentials !== undefined && name === this.#own;
    const found = outright ? checkCredentials(credentials) : findCredentials({ section: name, edgercPath, env });
    return accountSwitchKey === undefined ? found : { ...found, accountSwitchKey };
  }

  #sectionOptions(): SectionOptions {
    const { credentials: _c, section: _s, edgercPath: _p, env: _e, accountSwitchKey: _k, ...options } = this.#options;
    return { preset: 'seed', http2: 'allow', redirectsMax: REDIRECTS_MAX, ...options };
  }
}

/** A client for Akamai's APIs, signed with EdgeGrid. @throws NetError `INVALID` when credentials are missing */
export function createAkamai(options: AkamaiOptions = {}): AkamaiClient {
  return new AkamaiClient(options);
}
