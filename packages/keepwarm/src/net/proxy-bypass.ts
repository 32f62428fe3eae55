/**
 * `NO_PROXY`: which origins are reached directly. There is no standard, only custom; this is curl's and Go's where they
 * agree, and the table of docs/guide/proxies.md where they do not.
 */
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Origin } from '../core/origin.ts';

type Rule = (hostname: string, port: number) => boolean;

/** Entries of one list; the rest is not read. */
const ENTRIES_MAX = 10_000;

/** Whether an origin is reached directly. Loopback always is: a proxy's loopback is not ours. */
export function bypass(list: string | undefined): (origin: Origin) => boolean {
  const entries = (list ?? '').split(/[\s,]+/, ENTRIES_MAX).filter((entry) => entry !== '');
  const rules = entries.map((entry) => ruleOf(entry.toLowerCase()));
  return ({ hostname, port }) => {
    const name = plain(hostname);
    return isLoopback(name) || rules.some((rule) => rule(name, port));
  };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

function isLoopback(name: string): boolean {
  if (isIP(name) !== 0) return loopback.check(name, familyOf(name));
  return name === 'localhost' || name.endsWith('.localhost'); // RFC 6761 § 6.3
}

function ruleOf(entry: string): Rule {
  if (entry === '*') return () => true;
  return subnetRule(entry) ?? hostRule(entry);
}

/** `10.0.0.0/8`, `fd00::/8`, `[fd00::]/8`; for addresses only, no name is looked up for it. */
function subnetRule(entry: string): Rule | undefined {
  const [, address = '', bits = ''] = /^\[?([^[\]/]+)\]?\/(\d{1,3})$/.exec(entry) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) return undefined;
  const subnet = new BlockList();
  subnet.addSubnet(address, Number(bits), familyOf(address));
  return (name) => isIP(name) !== 0 && subnet.check(name, familyOf(name));
}

/** A name with everything below it, or an address; with a port, for that port only. */
function hostRule(entry: string): Rule {
  const [host, port] = apart(entry);
  const family = isIP(host);
  if (family !== 0) {
    const address = new BlockList();
    address.addAddress(host, familyOf(host)); // however it is written
    return (name, at) => (port === undefined || port === at) && isIP(name) !== 0 && address.check(name, familyOf(name));
  }
  const wanted = domainToASCII(host.replace(/^\*?\./, '').replace(/\.$/, ''));
  if (wanted === '') return () => false;
  return (name, at) => (port === undefined || port === at) && (name === wanted || name.endsWith(`.${wanted}`));
}

/** Host and port of `host`, `host:port`, `::1`, `[::1]` and `[::1]:port`. */
function apart(entry: string): [host: string, port: number | undefined] {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(entry);
  if (bracketed !== null) return [bracketed[1]!, bracketed[2] === undefined ? undefined : Number(bracketed[2])];
  const parts = /^([^:]*):(\d{1,5})$/.exec(entry);
  return parts === null ? [entry, undefined] : [parts[1]!, Number(parts[2])];
}

const plain = (hostname: string): string => hostname.toLowerCase().replace(/\.$/, '');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');
