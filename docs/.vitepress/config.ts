/**
 * The documentation as a site: `npm run docs:build` writes it to docs/.vitepress/dist, `npm run docs:dev` serves it
 * while it is written. Pages are the files of docs/ as they are; links between them, and to files of the repository,
 * are checked by `npm test`. Nothing is fetched: neither fonts nor search come from elsewhere.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { slugOf } from '../../scripts/docs/slug.ts';

const DOCS = dirname(dirname(fileURLToPath(import.meta.url)));

const page = (text: string, link: string) => ({ text, link });
const group = (text: string, items: readonly { text: string; link: string }[], collapsed = false) => ({
  text,
  collapsed,
  items: [...items],
});
const guide = (text: string, name: string) => page(text, `/guide/${name}`);
const reference = (text: string, name: string) => page(text, `/reference/${name}`);

const SIDEBAR = [
  group('Begin', [
    guide('Quick start', 'quick-start'),
    page('The life of a call', '/life-of-a-call'),
    page('Compared with others', '/comparison'),
  ]),
  group('From nothing to a program', [
    guide('A service over JSON-RPC nodes', 'use-rpc-service'),
    guide('An exchange bot', 'use-exchange-bot'),
    guide('A tool server', 'use-tool-server'),
    guide('Stream monitors', 'use-monitors'),
    guide('Is it us or them?', 'use-operator'),
  ]),
  group('Concepts', [
    page('Pools', '/concepts/pools'),
    page('What may be replayed', '/concepts/replay'),
    page('Limits that are exact', '/concepts/limits'),
  ]),
  group('An API client', [
    guide('Client', 'client'),
    guide('fetch', 'fetch'),
    guide('Presets', 'presets'),
    guide('Retries and hedges', 'retries'),
    guide('Breaker', 'breaker'),
    guide('Rate limits', 'limits'),
    guide('Concurrency', 'concurrency'),
    guide('Several endpoints', 'endpoints'),
    guide('Cache', 'cache'),
    guide('HTTP/2', 'http2'),
    guide('Proxies and TLS', 'proxies'),
    guide('Drop-ins', 'drop-ins'),
  ]),
  group('Services with a client of their own', [
    guide('Akamai', 'akamai'),
    guide('Vest', 'vest'),
    guide('Paradex', 'paradex'),
    guide('Writing an adapter', 'adapters'),
  ]),
  group('JSON-RPC', [guide('Pools of nodes', 'jsonrpc'), guide('Subscriptions', 'subscriptions')]),
  group('gRPC and monitors', [
    guide('gRPC', 'grpc'),
    guide('A pool of connections', 'grpc-pool'),
    guide('Opening connections', 'connection-rate'),
    guide('Yellowstone', 'yellowstone'),
    guide('Seven monitors', 'monitors'),
  ]),
  group('Running it', [
    guide('The gateway', 'gateway'),
    guide('The status page', 'dashboard'),
    guide('Deploying it', 'deploy'),
    guide('Metrics', 'metrics'),
    guide('OpenTelemetry', 'opentelemetry'),
    guide('Assistants', 'assistants'),
    guide('Testing your code', 'testing'),
  ]),
  group('Coming from', [
    guide('undici', 'migrate-undici'),
    guide('axios', 'migrate-axios'),
    guide('got', 'migrate-got'),
    guide('agentkeepalive', 'migrate-agentkeepalive'),
    guide('viem', 'migrate-viem'),
    guide('ethers', 'migrate-ethers'),
    guide('web3.js', 'migrate-web3js'),
    guide('kit', 'migrate-kit'),
    page('Five other designs', '/seeds'),
  ]),
  group(
    'Reference',
    [
      reference('Packages', 'packages'),
      reference('Options', 'options'),
      reference('Errors', 'errors'),
      reference('Facts', 'observer'),
      reference('Policies', 'policies'),
      reference('Retries', 'retries'),
      reference('Limits', 'limits'),
      reference('Endpoints', 'balance'),
      reference('DNS', 'dns'),
      reference('JSON-RPC', 'jsonrpc'),
      reference('Methods', 'methods'),
      reference('gRPC', 'grpc'),
      reference('gRPC pool', 'grpc-pool'),
      reference('Yellowstone', 'yellowstone'),
      reference('Monitors', 'monitors'),
      reference('Environment', 'environment'),
      reference('Command line', 'cli'),
      reference('Admin', 'admin'),
      reference('Metrics', 'metrics'),
      reference('Testing', 'testing'),
      reference('Drop-ins', 'interop'),
      reference('Conformance', 'conformance'),
      reference('Chaos', 'chaos'),
    ],
    true,
  ),
];

/** Pages that no group above has, so that a new page is found before anybody has put it where it belongs. */
function others(folder: string): { text: string; link: string }[] {
  const listed = new Set(SIDEBAR.flatMap(({ items }) => items.map(({ link }) => link)));
  const found = globSync(`${folder}/*.md`, { cwd: DOCS }).sort();
  return found.flatMap((file) => {
    const link = `/${file.replace(/\.md$/, '')}`;
    const [, title = link] = /^# (.+)$/m.exec(readFileSync(join(DOCS, file), 'utf8')) ?? [];
    return listed.has(link) ? [] : [page(title.replaceAll('`', ''), link)];
  });
}

/** Files of the repository that pages link to; they are no pages of the site. */
const OUTSIDE = [
  /\.\.\/deploy(?:\/|$)/,
  /\/packages\//,
  /\/scripts\//,
  /\/examples\//,
  /\/api\//,
  /\/(?:bench|\.ci)\//,
  /\/[A-Z]+(?:\.md)?$/,
];

// biome-ignore lint/style/noDefaultExport: vitepress reads the default export
export default defineConfig({
  title: 'keepwarm',
  description: 'Outbound connections, warm: HTTP, JSON-RPC and gRPC for Node.js',
  head: [['link', { rel: 'icon', href: '/icon.svg' }]],
  cleanUrls: true,
  cacheDir: '../.tmp/vitepress',
  ignoreDeadLinks: [(link) => OUTSIDE.some((place) => place.test(link)) || /decisions\/(?:index)?$/.test(link)],
  markdown: { languageAlias: { js: 'javascript' }, anchor: { slugify: slugOf } },
  themeConfig: {
    nav: [
      page('Quick start', '/guide/quick-start'),
      page('Concepts', '/concepts/pools'),
      page('Reference', '/reference/options'),
      page('Benchmarks', '/benchmarks'),
    ],
    sidebar: [
      ...SIDEBAR,
      group(
        'More',
        [...others('guide'), ...others('concepts'), ...others('reference'), page('Benchmarks', '/benchmarks')],
        true,
      ),
      group('Decisions', others('decisions'), true),
    ],
    search: { provider: 'local' },
    outline: [2, 3],
  },
});
