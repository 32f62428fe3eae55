/**
 * TLS towards origins: one context per configuration (building one costs about a millisecond of CPU), and the sessions
 * peers gave us, so that a new connection resumes instead of starting over (RFC 8446 § 2.2).
 */

import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import { checkKnown, checkOptions } from '../core/refusal.ts';
import { isPinned, parsePins, pinOf } from './tls-pins.ts';

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
  /**
   * Keys of which the peer's certificate chain must have one, as `sha256/` and the base64 of SHA-256 over the key's
   * SubjectPublicKeyInfo. Beside the usual verification, not instead of it.
   */
  readonly pins?: readonly string[] | undefined;
  /**
   * Told the secrets of every connection, line by line, as Wireshark reads them (SSLKEYLOGFILE): whoever has them reads
   * all that was said. For debugging only; off by default.
   */
  readonly keylog?: ((line: Buffer, origin: string) => void) | undefined;
}

/** What `reloadTls` replaces: the client's own identity, and whom it trusts. */
export type TlsIdentity = Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'pins'>;

export class TlsSetup {
  #options: TlsOptions;
  readonly #sessionsMax: number;
  readonly #sessions = new Map<string, Buffer>();
  /** Of peers that still have to show a pinned key: a session counts once its peer is believed. */
  readonly #unproven = new WeakMap<TLSSocket, { readonly generation: number; session: Buffer | undefined }>();
  #pins: ReadonlySet<string> | undefined;
  #context: SecureContext | undefined;
  /** Counts reloads: sessions of the identity before are none of the present one. */
  #generation = 0;

  /** @throws NetError `INVALID` for pins that are none */
  constructor(options: TlsOptions) {
    this.#options = options;
    this.#sessionsMax = options.sessionsMax ?? 100;
    this.#pins = options.pins === undefined ? undefined : parsePins(options.pins);
  }

  /**
   * New connections are made with these from now on; what is left out stays as it is. Nothing is resumed that began
   * with the identity before. Connections that are open are not touched.
   *
   * @throws NetError `INVALID` for what is no certificate or key, or does not belong together; then nothing changes
   */
  reload(identity: TlsIdentity): void {
    checkOptions('what reloadTls was given', identity);
    checkKnown(identity, ['ca', 'cert', 'key', 'passphrase', 'pins'], '', ' of reloadTls');
    const options = { ...this.#options, ...identity };
    const pins = options.pins === undefined ? undefined : parsePins(options.pins);
    try {
      this.#context = makeContext(options);
    } catch (cause) {
      const message = `these certificates and keys cannot be used: ${cause instanceof Error ? cause.message : cause}`;
      throw new NetError('INVALID', message, { reach: 'unsent', phase: 'tls', cause });
    }
    this.#options = options;
    this.#pins = pins;
    this.#sessions.clear();
    this.#generation++;
  }

  /** For every socket made with `connectOptions`: keeps its sessions, and tells its secrets if asked to. */
  attend(origin: Origin, socket: TLSSocket): void {
    const { keylog } = this.#options;
    const generation = this.#generation;
    if (this.#pins !== undefined) this.#unproven.set(socket, { generation, session: undefined });
    if (keylog !== undefined) socket.on('keylog', (line: Buffer) => keylog(line, origin.key));
    socket.on('session', (session: Buffer) => {
      if (generation !== this.#generation) return;
      const unproven = this.#unproven.get(socket);
      if (unproven === undefined) this.remember(origin, session);
      else unproven.session = session;
    });
  }

  /** Whether the peer of a handshake that has ended well is one of those we want. @returns what is against it */
  judge(origin: Origin, socket: TLSSocket): NetError | undefined {
    if (this.#pins === undefined) return undefined;
    const certificate = socket.getPeerX509Certificate();
    const unproven = this.#unproven.get(socket);
    // A session that is resumed began with a peer that was believed, and only that peer can go on with it.
    const goesOn = socket.isSessionReused() && unproven?.generation === this.#generation;
    if (!goesOn && !isPinned(certificate, this.#pins)) {
      const shown = certificate === undefined ? 'nothing' : `sha256/${pinOf(certificate)}`;
      const message = `no key of ${origin.key} is among the ${this.#pins.size} of tls.pins; it shows ${shown}`;
      return new NetError('TLS', message, { reach: 'unsent', phase: 'tls', origin: origin.key });
    }
    this.#unproven.delete(socket);
    if (unproven?.session !== undefined) this.remember(origin, unproven.session);
    return undefined;
  }

  /** What `tls.connect` needs for this origin, address and socket options aside; `protocols` by preference (ALPN). */
  connectOptions(origin: Origin, protocols: readonly string[]): ConnectionOptions {
    const { servername, verify, minVersion } = this.#options;
    const name = servername ?? origin.hostname;
    const session = this.#sessions.get(origin.key);
    return {
      secureContext: (this.#context ??= makeContext(this.#options)),
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
}

function makeContext({ ca, cert, key, passphrase, minVersion }: TlsOptions): SecureContext {
  return createSecureContext({
    minVersion: minVersion ?? 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
}
