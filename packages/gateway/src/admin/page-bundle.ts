/** The page and the libraries it stands on, put into files that a browser loads. Not used by the published package. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What is taken over as it is. */
const AS_IT_IS = ['index.html', 'icon.svg'];

/** @param folder with the page's sources. @returns contents by name */
export async function bundlePage(folder: URL): Promise<Map<string, Uint8Array>> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: ['main.tsx', 'main.css'].map((name) => fileURLToPath(new URL(name, folder))),
    outdir: '/',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['chrome111', 'firefox121', 'safari17.4'], // light-dark() and nesting come from the style sheet as they are
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'inline',
    logLevel: 'silent',
  });
  const made = outputFiles.map(({ path, contents }) => [path.replace(/^.*[\\/]/, ''), contents] as const);
  return new Map([...AS_IT_IS.map((name) => [name, readFileSync(new URL(name, folder))] as const), ...made]);
}
