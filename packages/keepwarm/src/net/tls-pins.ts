/**
 * Pinned keys: a peer is believed only if a key of its certificate chain is one of those named beforehand, whatever
 * else its certificates say. Written as in HPKP (RFC 7469 § 2.4): SHA-256 over the SubjectPublicKeyInfo, base64.
 */
import { createHash, type X509Certificate } from 'node:crypto';
import { NetError } from '../core/error.ts';

/** Certificates of one chain that are looked at; real ones have four. */
const CHAIN_MAX = 10;
const PIN = /^(?:sha256\/{1,2})?([A-Za-z0-9+/]{43}=)$/;

/** @throws NetError `INVALID` for what is no pin, and for none at all: that would believe nobody */
export function parsePins(pins: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(pins) || pins.length === 0) throw malformed('an empty list, which would believe nobody');
  return new Set(
    (pins as readonly unknown[]).map((pin) => {
      const digest = typeof pin === 'string' ? PIN.exec(pin)?.[1] : undefined;
      if (digest === undefined) throw malformed(JSON.stringify(pin));
      return digest;
    }),
  );
}

/** The pin of a certificate's key. */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

/**
 * Whether a key of the chain is pinned. A peer may show any certificates it likes: one counts only when it has signed
 * the one before, so that a pinned authority vouches for this peer and does not just stand in its list.
 */
export function isPinned(leaf: X509Certificate | undefined, pins: ReadonlySet<string>): boolean {
  let certificate = leaf;
  for (let i = 0; certificate !== undefined && i < CHAIN_MAX; i++) {
    if (pins.has(pinOf(certificate))) return true;
    const issuer: X509Certificate | undefined = certificate.issuerCertificate;
    const vouched = issuer !== undefined && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    certificate = vouched ? issuer : undefined;
  }
  return false;
}

function malformed(what: string): NetError {
  return new NetError('INVALID', `option tls.pins has ${what}; allowed: "sha256/" and 44 characters of base64`, {
    reach: 'unsent',
  });
}
