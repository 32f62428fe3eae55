// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration, not of this code
/** The file that `keepwarm init` writes: short, with a comment for whatever one is likely to want next. */
export const KINDS = ['http', 'evm', 'solana', 'geyser'] as const;
export type Kind = (typeof KINDS)[number];

export interface Draft {
  readonly kind: Kind;
  readonly name: string;
  readonly urls: readonly string[];
  /** Connections at once, requests per second and node, or new connections per minute: by its kind. */
  readonly limit: number | undefined;
  readonly listen: string;
  readonly admin: string;
  /** Where limits are counted together with other gateways. */
  readonly redis?: string | undefined;
}

/** Where editors find what may stand in it: beside the command as npm installs it. */
const SCHEMA_LINE = '# yaml-language-server: ' + '$schema=./node_modules/keepwarm-gateway/schema/keepwarm.schema.json';

export function configText(draft: Draft): string {
  const { name, listen, admin } = draft;
  return [
    SCHEMA_LINE,
    '# Configuration of the keepwarm gateway. All of it: docs/reference/cli.md. Check it with: keepwarm check',
    '# Keep keys out of it: ${NAME} stands for an environment variable, ${file:/run/secrets/key} for a file.',
    '',
    '# Where your programs reach it, and where the status page is.',
    `listen: ${JSON.stringify(listen)}`,
    `admin: ${JSON.stringify(admin)}`,
    '',
    'upstreams:',
    `  ${JSON.stringify(name)}:`,
    ...UPSTREAMS[draft.kind](draft).map((line) => `    ${line}`),
    '',
    ...redis(draft),
    '',
    '# Figures over hours and days are kept in SQLite; false keeps none.',
    '# history: false',
    '',
    '# logs:',
    '#   level: info      # debug, info, warn, error, silent',
    '#   calls: failed    # none, failed, all',
    '',
  ].join('\n');
}

const text = (value: string): string => JSON.stringify(value);
const reached = ({ name, listen }: Draft): string => `# Your programs call http://${listen}/${name}/… in place of it.`;

const redis = ({ redis: url }: Draft): string[] => [
  '# Limits above are counted together with other gateways, on any number of machines. Keep its password out of here.',
  ...(url === undefined
    ? ['# redis:', '#   url: ${REDIS_URL:-rediss://redis.example.com}']
    : ['redis:', `  url: ${text(url)}`]),
  ...[
    'onLoss: local     # while it does not answer, each starts its share; closed (the default) starts nothing',
    'share: 2          # how many gateways there are',
    'redisMs: 250      # how long it may take for an answer',
  ].map((line) => (url === undefined ? `#   ${line}` : `  # ${line}`)),
];

const nodes = (draft: Draft): string[] => [
  `# Your programs call http://${draft.listen}/${draft.name} in place of a node.`,
  `jsonrpc: ${draft.kind}`,
  'endpoints:',
  ...draft.urls.flatMap((url, i) => [
    `  - name: node-${i + 1}`,
    `    url: ${text(url)}`,
    draft.limit === undefined
      ? '    # rateLimit: { limit: 100, windowMs: 1000 }   # never more in any second'
      : `    rateLimit: { limit: ${draft.limit}, windowMs: 1000 }   # never more in any second`,
  ]),
  '# hedge: true         # ask another node when one is slow',
  '# cache: true         # keep answers that cannot change',
];

const UPSTREAMS: Readonly<Record<Kind, (draft: Draft) => string[]>> = {
  http: (draft) => [
    reached(draft),
    `origin: ${text(draft.urls[0]!)}`,
    'pool:',
    '  idleMin: 2           # connections kept open ahead of calls',
    draft.limit === undefined ? '  # socketsMax: 50     # connections at once' : `  socketsMax: ${draft.limit}`,
    '# deadlineMs: 30000    # from the request to the head of the reply',
    '# rateLimit: { limit: 100, windowMs: 1000 }    # what it allows all callers together',
    '# callerRate: { limit: 100, windowMs: 1000 }   # what each caller may send',
    '# retry: true          # send again what may safely be repeated',
  ],
  evm: nodes,
  solana: nodes,
  geyser: (draft) => [
    '# Every program that subscribes here shares one stream of the provider.',
    'grpc: geyser',
    `target: ${text(draft.urls[0]!)}`,
    '# token: ${X_TOKEN}',
    'listen: 127.0.0.1:4310',
    draft.limit === undefined
      ? '# connectionRate: { limit: 60, windowMs: 60000 }   # new connections the provider allows'
      : `connectionRate: { limit: ${draft.limit}, windowMs: 60000 }   # new connections the provider allows`,
  ],
};
