/** What the benchmark's servers say: one fixed JSON-RPC reply for each size. Both servers give the same bytes. */

export type Size = '100B' | '10KB' | '1MB';

export const SIZES: Readonly<Record<Size, number>> = { '100B': 100, '10KB': 10_240, '1MB': 1_048_576 };

/** The `id` of every call and reply; clients check it, so that nobody wins by skipping the body. */
export const CALL_ID = 1;

/** The body of every call: 123 bytes, the shape of a balance lookup. */
export const CALL_BODY = JSON.stringify({
  jsonrpc: '2.0',
  id: CALL_ID,
  method: 'getBalance',
  params: ['83astBRguLMdt2h5U1Tpdq5tjFoJ6noeGwaY3mDLVcri', { slot: 250_000_000 }],
});

/** A call of exactly so many bytes, as one would send a large transaction. */
export function longCall(bytes: number): string {
  const text = (padding: string): string => JSON.stringify({ jsonrpc: '2.0', id: CALL_ID, method: 'put', padding });
  return text('x'.repeat(bytes - text('').length));
}

const LETTERS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** An account as chains list them: strings, numbers, a flag; about 180 bytes, the same for the same `index`. */
function account(index: number): object {
  const key = (salt: number): string =>
    Array.from({ length: 44 }, (_, place) => LETTERS[(index * 31 + place * (salt + 7) + salt) % LETTERS.length]).join(
      '',
    );
  return { pubkey: key(1), lamports: 2_039_280 + index * 977, owner: key(2), executable: index % 5 === 0, space: 165 };
}

/** A JSON-RPC reply of exactly `SIZES[size]` bytes. */
export function reply(size: Size): string {
  const bytes = SIZES[size];
  const accounts: object[] = [];
  const text = (padding: string): string =>
    JSON.stringify({ jsonrpc: '2.0', result: { accounts, padding }, id: CALL_ID });
  for (let length = text('').length; ; ) {
    const next = account(accounts.length);
    length += JSON.stringify(next).length + 1;
    if (length > bytes) break;
    accounts.push(next);
  }
  return text('x'.repeat(bytes - text('').length));
}

/**
 * The reply to a call that had to open a connection. `r` where its TLS session was resumed, `.` where it was not:
 * the words nginx has for it in `$ssl_session_reused`.
 */
export const connectReply = (resumed: string): string =>
  JSON.stringify({ jsonrpc: '2.0', result: { resumed }, id: CALL_ID });
