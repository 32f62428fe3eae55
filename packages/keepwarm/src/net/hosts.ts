/**
 * The hosts file, read again when it changes.
 *
 * Only its text is kept, and searched for the name when one is asked for: that is rare (the cache stands in front), an
 * ordinary file is a few hundred bytes, and a block list of 200,000 lines would cost tens of MB as a map but takes only
 * a few ms to search.
 */
import { open, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Address, Family } from './dns-options.ts';

/** The file is looked at no more often than this, in ms; as Go's resolver (`cacheMaxAge` in net/hosts.go). */
const CHECK_MS = 5_000;

/** What stands beyond is not read; the largest block lists in circulation have about half as much. */
const BYTES_MAX = 16 * 1024 * 1024;

const LINE_FEED = '\n';
/** What may stand before and after a name in a line. */
const BLANK = /[\s#]/;

export class HostsFile {
  readonly #path: string;
  readonly #clock: Clock;
  /** In lower case, since names are. */
  #text = '';
  /** What tells one version of the file from another. */
  #version = '';
  #checkAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /**
   * Every address the file gives a name (in lower case), in the order of its lines; of one family if one is asked for.
   */
  async lookup(name: string, family: Family): Promise<readonly Address[]> {
    if (this.#clock.now() >= this.#checkAt) {
      this.#checking ??= this.#check().finally(() => {
        this.#checking = undefined;
      });
    }
    await this.#checking;
    return addressesIn(this.#text, name, family);
  }

  async #check(): Promise<void> {
    this.#checkAt = this.#clock.now() + CHECK_MS;
    let version = '';
    try {
      const found = await stat(this.#path);
      if (found.isFile()) version = `${found.mtimeMs} ${found.size} ${found.ino}`;
      if (version === this.#version) return;
      this.#text = version === '' ? '' : await textOf(this.#path, Math.min(found.size, BYTES_MAX));
    } catch {
      // No such file, or none we may read: to us it lists nothing, and the resolvers after it decide.
      this.#text = '';
      version = '';
    }
    this.#version = version;
  }
}

async function textOf(path: string, bytes: number): Promise<string> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.toString('latin1', 0, bytesRead).toLowerCase();
}

/** The file of the machine we run on. */
export function systemHostsPath(): string {
  if (process.platform !== 'win32') return '/etc/hosts';
  return `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`;
}

/** hosts(5): address, blanks, names; `#` begins a comment. A line whose first field is no address says nothing. */
export function addressesIn(text: string, name: string, family: Family): readonly Address[] {
  const found: Address[] = [];
  if (name === '') return found;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
    if (!isWord(text, at, at + name.length)) continue;
    const head = text.slice(text.lastIndexOf(LINE_FEED, at) + 1, at).trimStart();
    if (head.includes('#')) continue;
    const address = head.split(/\s/, 1)[0]!;
    const of = isIP(address);
    if ((of !== 4 && of !== 6) || (family !== 0 && family !== of)) continue;
    if (!found.some((one) => one.address === address)) found.push({ address, family: of });
  }
  return found;
}

function isWord(text: string, start: number, end: number): boolean {
  return (start === 0 || BLANK.test(text[start - 1]!)) && (end === text.length || BLANK.test(text[end]!));
}
