/**
 * A fresh self-signed certificate for the demo's host names, written as DER by hand (X.509 v3, RFC 5280),
 * because Node can read certificates but not make them, and the demo must not need tools that are not there.
 * ECDSA on P-256, as most of today's web.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** PEM; at once the server's certificate and the authority the gateway trusts. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const DAY_MS = 86_400_000;

/** One DER element: tag, length, contents (X.690 § 8.1). */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  if (contents.length < 0x80) return Buffer.concat([Buffer.of(tag, contents.length), contents]);
  const length = Buffer.of(contents.length >> 8, contents.length & 0xff);
  return Buffer.concat([Buffer.of(tag, 0x82), length, contents]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const TRUE = Buffer.of(0x01, 0x01, 0xff);

/** UTCTime: `YYMMDDhhmmssZ` (RFC 5280 § 4.1.2.5.1). */
const time = (ms: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

function name(common: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(common)))));
}

function extensions(names: readonly string[]): Buffer {
  const subjectAltName = sequence(...names.map((each) => der(0x82, Buffer.from(each))));
  return der(
    0xa3,
    sequence(
      sequence(oid('551d13'), TRUE, der(0x04, sequence(TRUE))), // basicConstraints: an authority, its own
      sequence(oid('551d11'), der(0x04, subjectAltName)),
    ),
  );
}

/**
 * @param names host names it is good for
 * @param nowMs wall clock; it is good from a day before until 30 days after
 */
export function selfSigned(names: readonly string[], nowMs: number = Date.now()): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serial = randomBytes(12);
  serial[0] = 0x40; // positive and without a leading zero, as DER integers must be
  const subject = name('keepwarm demo');
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    ECDSA_SHA256,
    subject,
    sequence(time(nowMs - DAY_MS), time(nowMs + 30 * DAY_MS)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions(names),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey));
  const base64 = sequence(body, ECDSA_SHA256, signature).toString('base64');
  const lines = base64.replaceAll(/.{64}/g, '$&\n').trimEnd();
  const certificate = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
