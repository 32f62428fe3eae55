/** What can be wrong with a field block, told apart by what it costs: the connection, or only the stream. */

/**
 * The block breaks RFC 7541, so the two tables are no longer known to be the same: the whole connection ends, with
 * COMPRESSION_ERROR (RFC 9113 § 4.3). After this the decoder refuses every other block.
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/**
 * The block was well formed, and the table took what it brought, but the fields are more than we care to have. It costs
 * its stream only; the connection goes on (RFC 9113 § 10.5.1).
 */
export class FieldLimitError extends Error {
  override readonly name = 'FieldLimitError';
  /** The limit's name, as the decoder's options spell it. */
  readonly limit: 'listBytesMax' | 'fieldsMax';
  readonly value: number;

  constructor(limit: 'listBytesMax' | 'fieldsMax', value: number) {
    super(`the field section has more than ${value} ${limit === 'fieldsMax' ? 'fields' : 'bytes'} (limit ${limit})`);
    this.limit = limit;
    this.value = value;
  }
}
