/**
 * TLS towards origins: one context per configuration (building one costs about a millisecond of CPU), and the sessions
 * peers gave us, so that a new connection resumes instead of starting over (RFC 8446 § 2.2).
 */
import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import type { Origin } from '../core/origin.ts';

export interface TlsOptions {
  /** Trusted roots, PEM; replaces Node's own set. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate chain and key, PEM. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly passphrase?: string | undefined;
  /** Lowest protocol version. Default `TLSv1.2`; nothing older can be set. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** Name to ask for and to verify, where it differs from the origin's. */
  readonly servername?: string | undefined;
  /** Only `false` switches verification off; for tests against a server without a certificate. Default true. */
  readonly verify?: boolean | undefined;
  /** Sessions remembered for resumption, least recently used first out. 0 switches resumption off. Default 100. */
  readonly sessionsMax?: number | undefined;
}

export class TlsSetup {
  readonly #options: TlsOptions;
  readonly #sessionsMax: number;
  readonly #sessions = new Map<string, Buffer>();
  #context: SecureContext | undefined;

  constructor(options: TlsOptions) {
    this.#options = options;
    this.#sessionsMax = options.sessionsMax ?? 100;
  }

  /** What `tls.connect` needs for this origin, address and socket options aside; `protocols` by preference (ALPN). */
  connectOptions(origin: Origin, protocols: readonly string[]): ConnectionOptions {
    const { servername, verify, minVersion } = this.#options;
    const name = servername ?? origin.hostname;
    const session = this.#sessions.get(origin.key);
    return {
      secureContext: (this.#context ??= this.#makeContext()),
      minVersion: minVersion ?? 'TLSv1.2',
      // SNI carries names only (RFC 6066 § 3); an address is still verified against the certificate by `host`.
      ...(isIP(name) === 0 ? { servername: name } : { servername: '' }),
      rejectUnauthorized: verify ?? true,
      ALPNProtocols: [...protocols],
      ...(session === undefined ? {} : { session }),
    };
  }

  /** Remembers the latest session of an origin. */
  remember(origin: Origin, session: Buffer): void {
    if (this.#sessionsMax <= 0) return;
    this.#sessions.delete(origin.key);
    this.#sessions.set(origin.key, session);
    if (this.#sessions.size > this.#sessionsMax) {
      const oldest = this.#sessions.keys().next();
      if (oldest.done !== true) this.#sessions.delete(oldest.value);
    }
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  #makeContext(): SecureContext {
    const { ca, cert, key, passphrase, minVersion } = this.#options;
    return createSecureContext({
      minVersion: minVersion ?? 'TLSv1.2',
      ...(ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  }
}
