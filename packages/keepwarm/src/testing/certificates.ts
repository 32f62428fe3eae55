/**
 * Certificates for tests, made in memory: an authority, and what it vouches for or what has expired. Written as DER by
 * hand (X.509 v3, RFC 5280), because Node can read certificates but not make them, and a test must not need a tool that
 * is not there. ECDSA on P-256 throughout.
 *
 *     const authority = makeAuthority();
 *     const server = await startFaultyServer({ tls: authority.issue({ names: ['localhost'] }) });
 *     const client = createClient({ origin: server.origin, tls: { ca: authority.cert } });
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { systemClock } from '../core/clock.ts';

/** Both PEM, as `tls` takes them. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Host names and IPv4 addresses it is good for. Default `localhost` and `127.0.0.1`. */
  readonly names?: readonly string[] | undefined;
  /** Whom a client certificate names. Default the first of `names`. */
  readonly subject?: string | undefined;
  /** From when it is good, in ms since 1970. Default a day ago. */
  readonly fromMs?: number | undefined;
  /** Until when it is good, in ms since 1970. Default in 30 days. */
  readonly untilMs?: number | undefined;
}

export interface Authority extends KeyPair {
  issue(options?: IssueOptions): KeyPair;
}

const DAY_MS = 86_400_000;

/** A new authority that nobody trusts yet. */
export function makeAuthority(subject = 'keepwarm test authority'): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = { name: nameOf(subject), key: privateKey };
  const own = certificate(authority, nameOf(subject), publicKey, {}, [critical('551d13', sequence(TRUE))]);
  return { cert: own, key: pem(privateKey), issue: (options = {}) => issue(authority, options) };
}

/** A certificate that vouches for itself. */
export function selfSigned(options: IssueOptions = {}): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { names = LOCAL, subject = names[0] ?? '' } = options;
  const issuer = { name: nameOf(subject), key: privateKey };
  return {
    cert: certificate(issuer, nameOf(subject), publicKey, options, [alternatives(names)]),
    key: pem(privateKey),
  };
}

interface Issuer {
  readonly name: Buffer;
  readonly key: KeyObject;
}

const LOCAL: readonly string[] = ['localhost', '127.0.0.1'];

function issue(issuer: Issuer, options: IssueOptions): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { names = LOCAL, subject = names[0] ?? '' } = options;
  return {
    cert: certificate(issuer, nameOf(subject), publicKey, options, [alternatives(names)]),
    key: pem(privateKey),
  };
}

/** RFC 5280 § 4.1. */
function certificate(
  issuer: Issuer,
  subject: Buffer,
  key: KeyObject,
  when: IssueOptions,
  extensions: Buffer[],
): string {
  const now = systemClock.wall();
  const serial = randomBytes(12);
  serial[0] = 0x40; // positive and without a leading zero, as DER integers must be
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    ECDSA_SHA256,
    issuer.name,
    sequence(time(when.fromMs ?? now - DAY_MS), time(when.untilMs ?? now + 30 * DAY_MS)),
    subject,
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, issuer.key));
  const base64 = sequence(body, ECDSA_SHA256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** One DER element: tag, length in as few bytes as it takes, contents (X.690 § 8.1, § 10.1). */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  if (contents.length < 0x80) return Buffer.concat([Buffer.of(tag, contents.length), contents]);
  if (contents.length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, contents.length), contents]);
  return Buffer.concat([Buffer.of(tag, 0x82, contents.length >> 8, contents.length & 0xff), contents]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

const TRUE = Buffer.of(0x01, 0x01, 0xff);
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

function critical(id: string, value: Buffer): Buffer {
  return sequence(oid(id), TRUE, der(0x04, value));
}

/** subjectAltName: dNSName and iPAddress (RFC 5280 § 4.2.1.6). */
function alternatives(names: readonly string[]): Buffer {
  const encoded = names.map((name) =>
    isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name)),
  );
  return sequence(oid('551d11'), der(0x04, sequence(...encoded)));
}

function nameOf(common: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(common)))));
}

/** UTCTime `YYMMDDhhmmssZ` (RFC 5280 § 4.1.2.5.1). */
function time(ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));
}
