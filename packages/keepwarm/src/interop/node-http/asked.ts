/**
 * What requests ask of their agent, known again by looking: most requests of a process to an origin differ in path and
 * fields only, of which an agent is told nothing. Those go where the last one like them went.
 *
 * Invariant: two sets of options that are alike here are alike in everything `Places` and Node's `getName` look at.
 */
import type { RequestOptions } from './places.ts';

/** The names are written out in `isLike`, where a loop over them would cost more than all else an agent does. */
type Looked = Readonly<Record<(typeof LOOKED_AT)[number], unknown>>;

const LOOKED_AT = [
  ...(['host', 'port', 'family', 'socketPath', 'localAddress', 'localPort', 'lookup'] as const),
  ...(['servername', 'ca', 'cert', 'key', 'passphrase', 'rejectUnauthorized', 'minVersion'] as const),
  ...(['pfx', 'ciphers', 'maxVersion', 'secureProtocol', 'secureContext', 'crl', 'ALPNProtocols'] as const),
  ...(['checkServerIdentity', 'clientCertEngine', 'honorCipherOrder', 'ecdhCurve', 'dhparam'] as const),
  ...(['secureOptions', 'sessionIdContext', 'sigalgs', 'privateKeyIdentifier', 'privateKeyEngine'] as const),
] as const;

/** Kinds of requests remembered. The oldest makes room. */
const KINDS_MAX = 16;

interface Kind<T> {
  readonly looked: Looked;
  /** What HTTPS may take its server name from. */
  readonly hostField: unknown;
  readonly answer: T;
}

export class Asked<T> {
  readonly #kinds: Kind<T>[] = [];
  #oldest = 0;

  /** What was noted for a request like this one. */
  find(options: RequestOptions, hostField: unknown): T | undefined {
    for (const { looked, hostField: field, answer } of this.#kinds) {
      if (field === hostField && isLike(options, looked)) return answer;
    }
    return undefined;
  }

  note(options: RequestOptions, hostField: unknown, answer: T): void {
    const looked = Object.fromEntries(LOOKED_AT.map((name) => [name, options[name]])) as Looked;
    // A list of certificates may come to hold others and stay the same list.
    if (!Object.values(looked).every(isConstant)) return;
    this.#kinds[this.#oldest] = { looked, hostField, answer };
    this.#oldest = (this.#oldest + 1) % KINDS_MAX;
  }

  clear(): void {
    this.#kinds.length = this.#oldest = 0;
  }
}

function isConstant(value: unknown): boolean {
  return typeof value !== 'object' || value === null || value instanceof Uint8Array;
}

function isLike(a: RequestOptions, b: Looked): boolean {
  return (
    a['host'] === b.host &&
    a['port'] === b.port &&
    a['family'] === b.family &&
    a['socketPath'] === b.socketPath &&
    a['localAddress'] === b.localAddress &&
    a['localPort'] === b.localPort &&
    a['lookup'] === b.lookup &&
    a['servername'] === b.servername &&
    isLikeInTls(a, b)
  );
}

function isLikeInTls(a: RequestOptions, b: Looked): boolean {
  return (
    a['ca'] === b.ca &&
    a['cert'] === b.cert &&
    a['key'] === b.key &&
    a['passphrase'] === b.passphrase &&
    a['rejectUnauthorized'] === b.rejectUnauthorized &&
    a['minVersion'] === b.minVersion &&
    a['pfx'] === b.pfx &&
    a['ciphers'] === b.ciphers &&
    a['maxVersion'] === b.maxVersion &&
    a['secureProtocol'] === b.secureProtocol &&
    a['secureContext'] === b.secureContext &&
    a['crl'] === b.crl &&
    a['ALPNProtocols'] === b.ALPNProtocols &&
    a['checkServerIdentity'] === b.checkServerIdentity &&
    a['clientCertEngine'] === b.clientCertEngine &&
    a['honorCipherOrder'] === b.honorCipherOrder &&
    a['ecdhCurve'] === b.ecdhCurve &&
    a['dhparam'] === b.dhparam &&
    a['secureOptions'] === b.secureOptions &&
    a['sessionIdContext'] === b.sessionIdContext &&
    a['sigalgs'] === b.sigalgs &&
    a['privateKeyIdentifier'] === b.privateKeyIdentifier &&
    a['privateKeyEngine'] === b.privateKeyEngine
  );
}
