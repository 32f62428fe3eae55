/** Signatures are made by code of the caller's, which may fail or take its time. */
import { NetError } from '../../core/error.ts';

/** @throws NetError `INVALID` with the signer's own error beneath: nothing was sent */
export async function signed<T>(signature: () => Promise<T>): Promise<T> {
  try {
    return await signature();
  } catch (cause) {
    const message = `the signer failed: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new NetError('INVALID', message, { reach: 'unsent', phase: 'write', cause });
  }
}
