/**
 * A page that goes from an empty folder to a working program, followed to the letter: with nothing but what the page
 * says, and the packages as they would be published. How such a page is read:
 *
 *   a block after "`name`:"                   is written to that file
 *   a line of an `sh` block                   is typed, and must end well
 *   … that says "in a terminal of its own"    is started, and goes on until the page is over
 *   a `text` block after one of `sh`          is what its last line prints: figures may differ, `…` stands for anything
 *
 * npm is kept from its registry: of what an install line names, keepwarm's own packages come from the packed files, and
 * the rest is lent from this repository; what it does not name is not there. Ports are exchanged for free ones.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../check.ts';
import { lend, manifestOf } from '../release/stage.ts';
import type { Command } from './commands.ts';
import { type Block, blocksOf } from './markdown.ts';
import { freePlaces, Reader } from './reader.ts';

/** Our packages as npm would upload them. */
export interface Packed {
  readonly keepwarm: string;
  readonly gateway: string;
}

const run = promisify(execFile);
const OWN_TERMINAL = /\s+# in a terminal of its own$/;

/** The name that stands before a block. */
const nameBefore = (text: string): string | undefined => /`([\w.-]+)`:\s*\n\n$/.exec(text)?.[1];

/** What a text block says, as a pattern: in other figures, and in columns of other widths. */
export function patternOf(text: string): RegExp {
  const lines = text.trim().split('\n');
  const written = lines.map((line) => {
    if (line.trim() === '…') return '(?:.*\\n)*?';
    const escaped = line.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const figures = escaped.replaceAll(/\d+(?:(?:\\\.|,)\d+)*/g, '\\d+(?:[.,]\\d+)*');
    return `[^\\S\\n]*${figures.replaceAll(/\s+/g, '[^\\S\\n]+').replace('…', '.*')}[^\\S\\n]*\\n`;
  });
  return new RegExp(`^${written.join('')}`, 'm');
}

/** Everything of npm's own that a machine's settings make it say. */
const withoutNpm = (printed: string): string => printed.replaceAll(/^npm (?:warn|notice).*\n?/gm, '');

/** As `npm install` would. Nothing stands still meanwhile: what other pages call is served by this process. */
async function install(names: readonly string[], folder: string, packed: Packed): Promise<void> {
  mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true });
  for (const name of names) {
    if (name === 'keepwarm') await unpack(packed.keepwarm, folder, name);
    else if (name === 'keepwarm-gateway') await installGateway(folder, packed);
    else lend(name, folder);
  }
}

async function unpack(file: string, folder: string, name: string): Promise<void> {
  const place = join(folder, 'node_modules', name);
  mkdirSync(place, { recursive: true });
  await run('tar', ['xzf', file, '-C', place, '--strip-components', '1']);
}

async function installGateway(folder: string, packed: Packed): Promise<void> {
  await unpack(packed.gateway, folder, 'keepwarm-gateway');
  const { dependencies = {}, bin = {} } = manifestOf(join(folder, 'node_modules', 'keepwarm-gateway'));
  const program = join(folder, 'node_modules', 'keepwarm-gateway', bin['keepwarm'] ?? '');
  chmodSync(program, 0o755);
  symlinkSync(program, join(folder, 'node_modules', '.bin', 'keepwarm'));
  await install(Object.keys(dependencies), folder, packed);
}

/** What is set for a line alone stands before a program: `env` is one. */
const started = ({ where, text }: Command): Command => ({ where, text: /^\w+=/.test(text) ? `env ${text}` : text });

/** Someone who follows one page. */
class Walker {
  /** What was printed by all that was typed. */
  printed = '';
  readonly #reader: Reader;
  readonly #packed: Packed;
  readonly #ports: (text: string) => string;
  folder = '';

  constructor(reader: Reader, packed: Packed, ports: (text: string) => string) {
    this.#reader = reader;
    this.#packed = packed;
    this.#ports = ports;
  }

  write(name: string, text: string): void {
    assert.notEqual(this.folder, '', `${name} is written before there is a folder`);
    writeFileSync(join(this.folder, name), this.#reader.settle(this.#ports(text)));
  }

  /** @param prints what the page says of the last line */
  async type({ where, text }: Block, prints: string | undefined): Promise<void> {
    const lines = text.trim().split('\n');
    for (const [i, line] of lines.entries()) {
      const wanted = i === lines.length - 1 && prints !== undefined ? patternOf(prints) : undefined;
      const command = { where, text: this.#ports(line.replace(/\s+#\s.*$/, '')) };
      if (OWN_TERMINAL.test(line)) await this.#reader.start(started(command), wanted ?? /\S/);
      else await this.#typed(command, wanted);
    }
  }

  async #typed({ where, text }: Command, wanted: RegExp | undefined): Promise<void> {
    const [, made] = /^mkdir (\S+) && cd \1$/.exec(text) ?? [];
    if (made !== undefined) {
      this.folder = join(this.#reader.home, made);
      await this.#reader.type({ where, text: `cd "${this.#reader.home}" && ${text}` });
      return;
    }
    const [, names] = /^npm install (.*)$/.exec(text) ?? [];
    if (names !== undefined) return await install(names.split(' '), this.folder, this.#packed);
    const printed = withoutNpm(await this.#reader.type({ where, text }));
    this.printed += printed;
    if (wanted !== undefined) assert.match(`${printed.trim()}\n`, wanted, `${where}: ${text}`);
  }
}

/**
 * @param places what stands for addresses on the page that are not of this machine
 * @param look   is shown the folder as the page has left it
 * @returns what was printed by all that was typed
 */
export async function walk(
  page: string,
  packed: Packed,
  places: Readonly<Record<string, string>>,
  look: (folder: string) => Promise<void>,
): Promise<string> {
  const markdown = readFileSync(join(root, page), 'utf8');
  const blocks = blocksOf(page, markdown);
  const written = [...new Set([...markdown.matchAll(/127\.0\.0\.1:(\d{4})\b/g)].map(([address]) => address))];
  const free = await freePlaces(...written);
  const portOf = new Map(Object.entries(free).map(([from, to]) => [from.split(':')[1], to.split(':')[1]]));
  const ports = (text: string): string => text.replaceAll(/\b\d{4}\b/g, (port) => portOf.get(port) ?? port);
  const reader = new Reader(places, { npm_config_offline: 'true', npm_config_update_notifier: 'false' });
  const walker = new Walker(reader, packed, ports);
  const lines = markdown.split('\n');
  try {
    for (const [i, block] of blocks.entries()) {
      const before = `${lines.slice(0, Number(block.where.split(':')[1]) - 2).join('\n')}\n`;
      const name = nameBefore(before);
      const next = blocks[i + 1];
      if (name !== undefined) walker.write(name, block.text);
      else if (block.language === 'sh') {
        await walker.type(block, next?.language === 'text' ? next.text : undefined);
      }
    }
    await look(walker.folder);
    return walker.printed;
  } finally {
    await reader.close();
  }
}
