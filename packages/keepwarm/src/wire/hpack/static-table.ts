/** The static table of RFC 7541, Appendix A: what both sides know before the first byte. */

/** Name and value in turn; the entry of index 1 comes first. */
const ENTRIES = [
  ...[':authority', '', ':method', 'GET', ':method', 'POST', ':path', '/', ':path', '/index.html'],
  ...[':scheme', 'http', ':scheme', 'https', ':status', '200', ':status', '204', ':status', '206'],
  ...[':status', '304', ':status', '400', ':status', '404', ':status', '500', 'accept-charset', ''],
  ...['accept-encoding', 'gzip, deflate', 'accept-language', '', 'accept-ranges', '', 'accept', ''],
  ...['access-control-allow-origin', '', 'age', '', 'allow', '', 'authorization', '', 'cache-control', ''],
  ...['content-disposition', '', 'content-encoding', '', 'content-language', '', 'content-length', ''],
  ...['content-location', '', 'content-range', '', 'content-type', '', 'cookie', '', 'date', '', 'etag', ''],
  ...['expect', '', 'expires', '', 'from', '', 'host', '', 'if-match', '', 'if-modified-since', ''],
  ...['if-none-match', '', 'if-range', '', 'if-unmodified-since', '', 'last-modified', '', 'link', ''],
  ...['location', '', 'max-forwards', '', 'proxy-authenticate', '', 'proxy-authorization', '', 'range', ''],
  ...['referer', '', 'refresh', '', 'retry-after', '', 'server', '', 'set-cookie', ''],
  ...['strict-transport-security', '', 'transfer-encoding', '', 'user-agent', '', 'vary', '', 'via', ''],
  ...['www-authenticate', ''],
];

/** Names by index; 0 is no index. */
export const STATIC_NAMES: readonly string[] = ['', ...ENTRIES.filter((_, at) => at % 2 === 0)];
/** Values by index; 0 is no index. */
export const STATIC_VALUES: readonly string[] = ['', ...ENTRIES.filter((_, at) => at % 2 === 1)];

/** How many entries there are. The dynamic table's newest entry has the index after the last of them. */
export const STATIC_COUNT = STATIC_NAMES.length - 1;

/** What the static table has under one name. */
export interface StaticName {
  /** The lowest index with this name. */
  readonly index: number;
  /** Index by value. */
  readonly values: ReadonlyMap<string, number>;
}

export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = byName();

function byName(): Map<string, StaticName> {
  const found = new Map<string, { index: number; values: Map<string, number> }>();
  for (let index = 1; index <= STATIC_COUNT; index++) {
    const name = STATIC_NAMES[index]!;
    const entry = found.get(name) ?? { index, values: new Map() };
    entry.values.set(STATIC_VALUES[index]!, index);
    found.set(name, entry);
  }
  return found;
}

/** What an entry counts for beyond its name and value, in bytes (RFC 7541 § 4.1). */
export const ENTRY_OVERHEAD = 32;

/** The table size both sides begin with (RFC 9113 § 6.5.2, SETTINGS_HEADER_TABLE_SIZE). */
export const TABLE_BYTES_INITIAL = 4_096;
