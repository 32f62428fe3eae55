/**
 * The `docker` of a machine that has none (scripts/docs/machine.ts): as much of its command line as a page types.
 * Images are buildah's; what runs is a process with namespaces of its own, the first in them, on a network of its own.
 *
 *   docker build -f FILE -t NAME FOLDER
 *   docker run [--rm] [-p ADDRESS:PORT:PORT] [-v FROM:TO[:ro]] IMAGE [ARGUMENT…]     one at a time
 *   docker ps -q
 *   docker exec CONTAINER COMMAND…
 *   docker stop [-t SECONDS] CONTAINER
 *   docker image inspect IMAGE
 *
 * Anything else is refused, so that no line is half followed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BUILDAH, INSIDE, OUTSIDE, RUNNING } from './images.ts';

/** What Docker waits before it ends a container that was asked to. */
const STOP_SECONDS = '10';

interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Healthcheck?: { readonly Test: readonly string[] };
}
interface Running {
  /** Its first process, as the machine numbers it. */
  readonly pid: number;
  readonly image: string;
  readonly user: string;
}
type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

/** Ran to its end. @returns what it printed @throws with what it said, when it failed */
function must(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout.trim();
}
const buildah = (...args: string[]): string => must('buildah', ...BUILDAH, ...args);

/** Options stand before the first word; what follows it is not looked at. */
function read(args: readonly string[], options: Options, wordsMin: number, wordsMax = Number.POSITIVE_INFINITY) {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === 'positional')?.index ?? args.length;
  const { values } = parseArgs({ args: args.slice(0, first), options }); // strictly: it knows no other
  const words = args.slice(first);
  if (words.length < wordsMin || words.length > wordsMax) throw new Error(`not understood: ${args.join(' ')}`);
  const texts = (name: string): string[] => [values[name] ?? []].flat().map(String);
  return { words, texts };
}

const configOf = (image: string): ImageConfig =>
  JSON.parse(buildah('inspect', '--type', 'image', image)).Docker.config ?? {};

function build(args: readonly string[]): number {
  const options: Options = { file: { type: 'string', short: 'f' }, tag: { type: 'string', short: 't' } };
  const { words, texts } = read(args, options, 1, 1);
  const given = [...texts('file').flatMap((file) => ['-f', file]), ...texts('tag').flatMap((tag) => ['-t', tag])];
  // Docker's format, since the other has no health check. Isolated by its root alone: whoever builds has the machine.
  const how = ['--pull-never', '--format', 'docker', '--isolation', 'chroot'];
  return spawnSync('buildah', [...BUILDAH, 'build', ...how, ...given, ...words], { stdio: 'inherit' }).status ?? 1;
}

/**
 * Run as the container's first process, which then becomes the image's program. `$R` is its root folder and `$VOLUMES`
 * has a line for each: from, to, `ro` or nothing.
 */
const BEGIN = `
set -eu
mount -t proc proc "$R/proc"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
for each in null zero full random urandom; do : > "$R/dev/$each"; mount --bind "/dev/$each" "$R/dev/$each"; done
printf '%s' "$VOLUMES" | while IFS='	' read -r from to mode; do
  mkdir -p "$(dirname "$R$to")"
  if [ -d "$from" ]; then mkdir -p "$R$to"; else : > "$R$to"; fi
  mount --bind "$from" "$R$to"
  [ "$mode" != ro ] || mount -o remount,ro,bind "$R$to"
done
exec env -i "$@"
`;

/** A pair of interfaces with an address each, one of them on a network where nothing else is. */
function network(name: string): void {
  const steps = [
    `netns add ${name}`,
    `link add ${name} type veth peer name eth0 netns ${name}`,
    ...[`addr add ${OUTSIDE}/30 dev ${name}`, `link set ${name} up`],
    ...[`-n ${name} addr add ${INSIDE}/30 dev eth0`, `-n ${name} link set eth0 up`, `-n ${name} link set lo up`],
    `-n ${name} route add default via ${OUTSIDE}`,
  ];
  for (const step of steps) must('ip', ...step.split(' '));
}

/** @param published `address:port:port within` */
async function publish(published: string): Promise<void> {
  const [, host, port, within] = /^([\d.]+):(\d+):(\d+)$/.exec(published) ?? [];
  if (host === undefined) throw new Error(`-p takes ADDRESS:PORT:PORT here, not ${published}`);
  const server = createServer((caller) => {
    const called = connect(Number(within), INSIDE);
    caller.pipe(called).pipe(caller);
    called.on('error', () => caller.destroy()); // where nobody listens, nobody is reached
    caller.on('error', () => called.destroy());
  });
  await once(server.listen(Number(port), host), 'listening');
  server.unref();
}

function volumeOf(given: string): string {
  const [from, to, mode = '', more] = given.split(':');
  if (!from?.startsWith('/') || !to?.startsWith('/') || !/^(?:ro)?$/.test(mode) || more !== undefined) {
    throw new Error(`-v takes FROM:TO or FROM:TO:ro here, with whole paths, not ${given}`);
  }
  if (!existsSync(from)) throw new Error(`${from} is not there`); // where Docker makes a folder, and nobody wants it
  return `${from}\t${to}\t${mode}\n`;
}

/** @returns the numbers of a user and its group, as the image has them */
function userOf(folder: string, name = ''): string {
  if (name === '') return '0:0';
  const entry = readFileSync(join(folder, 'etc/passwd'), 'utf8').match(
    new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm'),
  );
  if (entry === null) throw new Error(`the image has no user ${name}`);
  return `${entry[1]}:${entry[2]}`;
}

async function run(args: readonly string[]): Promise<number> {
  const { words, texts } = read(
    args,
    {
      rm: { type: 'boolean' },
      publish: { type: 'string', short: 'p', multiple: true },
      volume: { type: 'string', short: 'v', multiple: true },
    },
    1,
  );
  const [image = '', ...more] = words;
  const { User, Env = [], Entrypoint = [], Cmd = [] } = configOf(image);
  const volumes = texts('volume').map(volumeOf).join('');
  const name = buildah('from', '--pull-never', image);
  const R = buildah('mount', name);
  const user = userOf(R, User);
  const net = `c${process.pid}`;
  network(net);
  for (const each of texts('publish')) await publish(each);
  const program = ['chroot', `--userspec=${user}`, '--groups=', R, ...Entrypoint, ...(more.length > 0 ? more : Cmd)];
  const apart = ['--pid', '--fork', '--kill-child', '--mount', '--uts', '--ipc'];
  const child = spawn('ip', ['netns', 'exec', net, 'unshare', ...apart, 'sh', '-c', BEGIN, '-', ...Env, ...program], {
    ...{ stdio: 'inherit', env: { ...process.env, R, VOLUMES: volumes } },
  });
  const ended = once(child, 'exit');
  const pid = await firstOf(child.pid ?? 0, () => child.exitCode === null);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.kill(pid, signal));
  const running: Running = { pid, image, user };
  mkdirSync(RUNNING, { recursive: true });
  writeFileSync(join(RUNNING, name), JSON.stringify(running));
  const [code] = await ended;
  must('ip', 'netns', 'delete', net);
  if (texts('rm').length > 0) buildah('rm', name);
  rmSync(join(RUNNING, name));
  return Number(code ?? 1);
}

/** The one process that another has started. */
async function firstOf(parent: number, alive: () => boolean): Promise<number> {
  while (alive()) {
    const pid = Number.parseInt(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8'), 10);
    if (pid > 0) return pid;
    await sleep(5);
  }
  throw new Error('it has ended before it began');
}

const running = (name: string): Running => JSON.parse(readFileSync(join(RUNNING, name), 'utf8'));

function exec(args: readonly string[]): number {
  const [name = '', ...command] = read(args, {}, 2).words;
  const { pid, image, user } = running(name);
  const [uid, gid] = user.split(':');
  const into = ['--mount', '--uts', '--ipc', '--net', '--pid', '--root', '--wd=/'];
  const env = Object.fromEntries((configOf(image).Env ?? []).map((line) => line.split(/=(.*)/s)));
  const flags = ['--target', String(pid), ...into, '--setgid', String(gid), '--setuid', String(uid)];
  return spawnSync('/usr/bin/nsenter', [...flags, ...command], { stdio: 'inherit', env }).status ?? 1;
}

async function stop(args: readonly string[]): Promise<number> {
  const { words, texts } = read(args, { time: { type: 'string', short: 't', default: STOP_SECONDS } }, 1, 1);
  const [name = ''] = words;
  const { pid } = running(name);
  process.kill(pid, 'SIGTERM');
  for (const end = performance.now() + 1_000 * Number(texts('time')[0]); existsSync(join(RUNNING, name)); ) {
    if (performance.now() > end) process.kill(pid, 'SIGKILL');
    await sleep(20);
  }
  console.log(name);
  return 0;
}

function inspect(args: readonly string[]): number {
  const [what, image = ''] = read(args, {}, 2, 2).words;
  if (what !== 'inspect') throw new Error(`docker image ${what} is not here`);
  console.log(JSON.stringify([{ Config: configOf(image) }]));
  return 0;
}

function list(args: readonly string[]): number {
  const { texts } = read(args, { quiet: { type: 'boolean', short: 'q' } }, 0, 0);
  if (texts('quiet').length === 0) throw new Error('docker ps takes -q here');
  for (const name of existsSync(RUNNING) ? readdirSync(RUNNING) : []) console.log(name);
  return 0;
}

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => number | Promise<number>>> = {
  ...{ build, run, exec, stop, ps: list, image: inspect },
};
const [, , name = '', ...args] = process.argv;
const command = COMMANDS[name];
if (command === undefined) throw new Error(`docker ${name} is not here`);
process.exit(await command(args));
