/** What an import weighs: all a subpath exports, bundled, minified and compressed with gzip, its peers left out. */
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import type { Manifest } from './stage.ts';

/**
 * @param contents a module, such as `export * from 'keepwarm'`
 * @param folder   where that module would stand
 * @returns bytes, compressed
 */
export async function weigh(contents: string, folder: string, { peerDependencies = {} }: Manifest): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
    external: Object.keys(peerDependencies).flatMap((name) => [name, `${name}/*`]),
  });
  return gzipSync(outputFiles[0]!.contents).length;
}
