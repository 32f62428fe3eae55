/** A `lookup` as `node:net` takes one (dns.lookup, cacheable-lookup and others) as a source of addresses. */
import type { Address, Answer, Resolver } from './dns-options.ts';

/** As Node's `LookupFunction`, asked for all addresses; what answers with a single one is understood as well. */
export type Lookup = (
  hostname: string,
  options: { readonly all: true; readonly family: number },
  callback: (
    error: Error | null,
    address: string | readonly { readonly address: string; readonly family: number }[],
    family?: number,
  ) => void,
) => void;

/** How long an answer counts is not told by a lookup: `dns.ttlMsUnknown` does. */
export function resolverOf(lookup: Lookup): Resolver {
  return (hostname, family) =>
    new Promise<Answer>((resolve, reject) => {
      lookup(hostname, { all: true, family }, (error, address, of) => {
        if (error !== null && error !== undefined) return reject(error);
        const found = typeof address === 'string' ? [{ address, family: of ?? 0 }] : (address ?? []);
        resolve({ addresses: found.map(addressOf), ttlMs: undefined });
      });
    });
}

function addressOf({ address }: { readonly address: string }): Address {
  return { address, family: String(address).includes(':') ? 6 : 4 };
}
