/**
 * A machine of one's own, for pages that want root: this one's files under a layer that takes all writes, with
 * processes, network, host name and control groups of its own, and systemd as its first process. Nothing of it is left
 * when it is closed. It takes Linux, root and systemd, and neither a hypervisor nor an image.
 *
 * Services of this machine do not run in that one: their units are hidden there.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { root } from '../check.ts';

const run = promisify(execFile);
const SYSTEMD = '/lib/systemd/systemd';
const NAMESPACES = ['--pid', '--fork', '--mount', '--uts', '--ipc', '--net', '--cgroup'];
/** The longest a boot, and then a command, may take. It takes a second. */
const WAIT_MS = 240_000;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Run as the first process, which then becomes systemd. `$S` is an empty folder, `$ROOT` the repository, `$NODE` the
 * pinned Node.js, which is the only one there. /proc/sys is read-only, since it is not the machine's own.
 */
const BOOT = `
set -eu
mount -t tmpfs tmpfs "$S"
R="$S/root"
mkdir "$S/upper" "$S/work" "$R"
mount -t overlay overlay -o "lowerdir=/,upperdir=$S/upper,workdir=$S/work" "$R"
mkdir -p "$R$ROOT" && mount --bind "$ROOT" "$R$ROOT" && mount -o remount,ro,bind "$R$ROOT"
mount -t proc proc "$R/proc"
mount --bind "$R/proc/sys" "$R/proc/sys" && mount -o remount,ro,bind "$R/proc/sys"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
for each in null zero full random urandom tty; do : > "$R/dev/$each"; mount --bind "/dev/$each" "$R/dev/$each"; done
mkdir "$R/dev/pts" "$R/dev/shm" && ln -s /proc/self/fd "$R/dev/fd" && : > "$R/dev/console"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts" && ln -s pts/ptmx "$R/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$R/run"
hostname keepwarm
: > "$R/etc/machine-id"
rm -rf "$R"/etc/systemd/system/* "$R"/lib/systemd/system/*.wants "$R/lib/systemd/system-generators"
mkdir "$R/lib/systemd/system/sockets.target.wants"
ln -s ../systemd-journald.socket "$R/lib/systemd/system/sockets.target.wants/"
cp "$NODE" "$R/usr/local/bin/node"
SUDO="$R/usr/local/bin/sudo"
[ -x "$R/usr/bin/sudo" ] || { printf '#!/bin/sh\\nexec "$@"\\n' > "$SUDO"; chmod +x "$SUDO"; }
cd "$R" && pivot_root . mnt && umount -l /mnt
exec env -i container=keepwarm PATH=${PATH} ${SYSTEMD} --system --unit=multi-user.target --log-level=warning </dev/null
`;

/** @returns why there can be no such machine here; nothing when there can */
export function whyNoMachine(): string {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'only root may make namespaces';
  if (!existsSync(SYSTEMD)) return 'systemd is not installed';
  if (controlGroups() === '') return 'there are no control groups of version 2';
  const { status } = spawnSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return status === 0 ? '' : 'namespaces are not allowed here';
}

/** Where they are mounted, of version 2. */
const controlGroups = (): string => / (\S+) cgroup2 /.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '';

/** The control group of a machine. @param pid of the process that booted it */
export const groupOf = (pid: number): string => join(controlGroups(), `keepwarm-${pid}`);

/** Removes what is left of machines whose owner was killed: their processes are gone, and their groups are empty. */
export function sweep(): void {
  for (const name of readdirSync(controlGroups())) {
    const [, owner] = /^keepwarm-(\d+)$/.exec(name) ?? [];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removed(join(controlGroups(), name));
  }
}

export class Machine {
  readonly #first: ChildProcess;
  readonly #group: string;
  readonly #env: Record<string, string> = { PATH, HOME: '/tmp', NO_COLOR: '1' };
  readonly #started: ChildProcess[] = [];
  #said = '';

  private constructor(first: ChildProcess, group: string) {
    this.#first = first;
    this.#group = group;
    for (const stream of [first.stdout, first.stderr]) stream?.on('data', (chunk) => (this.#said += chunk));
  }

  /** @param folder an empty one, of which nothing but its name is used @throws when it does not come up */
  static async boot(folder: string): Promise<Machine> {
    sweep();
    const group = groupOf(process.pid);
    mkdirSync(group);
    const unshare = `unshare ${NAMESPACES.join(' ')} --kill-child bash -c "$BOOT"`;
    // Should this process be killed, which closes nothing, the machine goes with it.
    const enter = `echo $$ > '${group}/cgroup.procs' && exec setpriv --pdeathsig KILL ${unshare}`;
    const env = { PATH, BOOT, S: folder, ROOT: root, NODE: process.execPath };
    const first = spawn('bash', ['-c', enter], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const machine = new Machine(first, group);
    try {
      await machine.#up();
    } catch (error) {
      await machine.close();
      throw error;
    }
    return machine;
  }

  async #up(): Promise<void> {
    for (const end = performance.now() + WAIT_MS; ; await sleep(100)) {
      const { stdout = '' } = await this.type('systemctl is-system-running').then(
        (stdout) => ({ stdout }),
        (failed) => failed,
      );
      if (stdout.trim() === 'running') return;
      if (this.#first.exitCode !== null || performance.now() > end) {
        throw new Error(`systemd is not up: ${stdout}\n${this.#said}`);
      }
    }
  }

  /** What leads into the machine. */
  #inside(line: string): string[] {
    const init = join(this.#group, 'init.scope', 'cgroup.procs');
    const pid = existsSync(init) ? readFileSync(init, 'utf8').split('\n')[0] : '';
    if (pid === undefined || pid === '') throw new Error('systemd has not begun');
    return ['--target', pid, '--all', 'bash', '-c', `cd '${root}'; ${line}`];
  }

  /** For what is typed from now on. */
  set(name: string, value: string): void {
    this.#env[name] = value;
  }

  /** Types a line, in the repository. @returns what it printed @throws with that, when it failed */
  async type(line: string): Promise<string> {
    const options = { env: this.#env, timeout: WAIT_MS, maxBuffer: 2 ** 24 };
    const { stdout, stderr, code, killed } = await run('nsenter', this.#inside(`{ ${line}; } 2>&1`), options).catch(
      (failed) => failed,
    );
    if (code === undefined && !killed) return stdout;
    throw Object.assign(new Error(`${line} ended with ${code}\n${stdout}${stderr}`), { stdout });
  }

  /** Types a line that goes on. @returns what it had printed when it said what is waited for */
  async start(line: string, said: RegExp): Promise<string> {
    const child = spawn('nsenter', this.#inside(`exec ${line}`), { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#started.push(child);
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk));
    for (const end = performance.now() + WAIT_MS; !said.test(printed); await sleep(20)) {
      if (child.exitCode === null && performance.now() < end) continue;
      throw new Error(`${line} did not say ${said}\n${printed}`);
    }
    return printed;
  }

  /** Puts a file of root's there. */
  async file(path: string, text: string): Promise<void> {
    await this.type(`printf %s '${text.replaceAll("'", "'\\''")}' > ${path}`);
  }

  async close(): Promise<void> {
    if (this.#first.exitCode === null && this.#first.signalCode === null) {
      const ended = once(this.#first, 'exit');
      this.#first.kill('SIGKILL'); // and with it the first process inside, and with that all others
      await ended;
    }
    for (const child of this.#started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
    for (let tries = 0; existsSync(this.#group) && tries < 100; tries++) {
      if (removed(this.#group)) return;
      await sleep(50);
    }
  }
}

/** Groups go from the innermost outwards, once their processes are gone. */
function removed(group: string): boolean {
  try {
    for (const { name } of readdirSync(group, { withFileTypes: true }).filter((each) => each.isDirectory())) {
      if (!removed(join(group, name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch {
    return !existsSync(group); // a process is about to end, or another run has just removed it
  }
}
