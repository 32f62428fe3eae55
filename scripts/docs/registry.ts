/**
 * npm's registry, as far as this clone can stand in for it: packages that were packed here, and of all others those
 * installed here, as they are, each packed anew when it is asked for. For whoever follows a page that installs
 * something.
 *
 *   node scripts/docs/registry.ts FILE.tgz…     says where it listens, and ends with its standard input
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { root } from '../check.ts';

interface Offer {
  readonly manifest: { readonly name: string; readonly version: string };
  readonly tarball: () => Buffer;
}

const fromFile = (file: string): Offer => ({
  manifest: JSON.parse(execFileSync('tar', ['xzOf', file, 'package/package.json'], { encoding: 'utf8' })),
  tarball: () => readFileSync(file),
});
const fromFolder = (folder: string): Offer => ({
  manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
  tarball: () =>
    // Not compressed, which would take longer than all else there is to do.
    execFileSync('tar', ['cf', '-', '--exclude=./node_modules', '--transform=s,^\\.,package,', '-C', folder, '.'], {
      maxBuffer: 2 ** 28,
    }),
});

/** Where a package of this name is installed, in each version there is. */
function installed(name: string): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.keys(lock.packages)
    .filter((path) => path.endsWith(`node_modules/${name}`))
    .map((path) => join(root, path))
    .filter((folder) => existsSync(join(folder, 'package.json')));
}

const packed = process.argv.slice(2).map(fromFile);
const offersOf = (name: string): Offer[] => {
  const own = packed.filter(({ manifest }) => manifest.name === name);
  return own.length > 0 ? own : installed(name).map(fromFolder);
};

function answer(path: string, origin: string, response: ServerResponse): void {
  const [name = '', version] = decodeURIComponent(path.slice(1)).split('/-/');
  const offers = offersOf(name);
  const wanted = offers.find(({ manifest }) => `${manifest.version}.tgz` === version);
  if (wanted !== undefined) return void response.end(wanted.tarball());
  if (offers.length === 0 || version !== undefined) return void response.writeHead(404).end();
  const versions = offers.map(({ manifest }) => {
    const tarball = `${origin}/${name}/-/${manifest.version}.tgz`;
    return [manifest.version, { ...manifest, dist: { tarball } }] as const;
  });
  const latest = versions[0]?.[0];
  response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(versions) }));
}

const server = createServer(({ url = '/', headers }, response) => answer(url, `http://${headers.host}`, response));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`http://127.0.0.1:${address?.port}`);
});
process.stdin.resume().once('end', () => process.exit(0));
