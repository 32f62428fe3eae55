/**
 * Which fields enter the encoder's table.
 *
 * A secret never does (RFC 7541 § 7.1): whoever can have fields of their own sent on the same connection, and sees how
 * long its blocks are, could try values until one costs a single byte. It is also marked, so that no proxy further on
 * puts it into a table of its own. The price is its length in every block, which a remembered list copies.
 *
 * What differs with every call never does either: it would push out what does not, and every entry that is added makes
 * remembered blocks invalid. Names that nobody knows beforehand are judged by what became of their entries, by credit.
 */

/** Fields that carry credentials, by the names people give them. */
const SECRET = new Set([
  ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-amz-security-token', 'x-goog-iam-authority'],
  ...['x-csrf-token', 'x-xsrf-token', 'x-token', 'x-api-key', 'api-key', 'apikey', 'private-token', 'x-vault-token'],
]);

/** Words at the end of a name that speak of a credential, in names nobody has listed. */
const SPEAKS_OF_SECRET = new RegExp(
  '(?:^|[-_])(?:' +
    'tokens?|secrets?|password|passwd|passphrase|credentials?|signature|session|jwt|auth|' +
    '(?:api|access|secret|auth|app|sub|subscription)[-_]?key)$',
);

/** Whether a field by this lower-case name is taken for a secret. */
export function isSecretName(name: string): boolean {
  return SECRET.has(name) || SPEAKS_OF_SECRET.test(name);
}

/** Fields whose values hardly come twice. */
const VARYING = new Set([
  ...['age', 'content-length', 'content-md5', 'content-range', 'date', 'digest', 'etag', 'grpc-timeout'],
  ...['grpc-trace-bin', 'idempotency-key', 'if-match', 'if-modified-since', 'if-none-match', 'if-unmodified-since'],
  ...['last-modified', 'location', 'range', 'request-id', 'traceparent', 'tracestate', 'x-amz-content-sha256'],
  ...['x-amz-date', 'x-amzn-trace-id', 'x-b3-spanid', 'x-b3-traceid', 'x-cloud-trace-context', 'x-correlation-id'],
  ...['x-nonce', 'x-request-id', 'x-request-start', 'x-timestamp'],
]);

export type Indexing = 'secret' | 'varying' | 'by credit';

export function indexingOf(name: string): Indexing {
  if (isSecretName(name)) return 'secret';
  return VARYING.has(name) ? 'varying' : 'by credit';
}

/** What one entry costs a name. Each use of an entry earns 1, so entries that are used this often pay for the next. */
const ENTRY_COST = 16;

/** What a name begins with, and the most it can have: three entries. */
const CREDIT_MAX = 3 * ENTRY_COST;

/** How often in a row a value must come for a name without credit to have it added all the same. */
const REPEATS_MIN = 3;

/** Whether the values of one name are worth entries. */
export class Credit {
  #credit = CREDIT_MAX;
  #last = '';
  #repeats = 0;

  /** One of its entries was used. */
  earn(): void {
    if (this.#credit < CREDIT_MAX) this.#credit++;
  }

  /** Whether a value that is not in the table shall be added; if so, it is paid for. */
  spend(value: string): boolean {
    this.#repeats = value === this.#last ? this.#repeats + 1 : 1;
    this.#last = value;
    if (this.#credit >= ENTRY_COST) {
      this.#credit -= ENTRY_COST;
      return true;
    }
    if (this.#repeats < REPEATS_MIN) return false;
    this.#repeats = 0;
    return true;
  }
}
