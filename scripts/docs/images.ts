/**
 * Images on a machine of one's own: `docker` on its PATH, the base image that Dockerfiles begin with, and a clone that
 * can be written to. No registry of images is asked: the base image is made of the machine's own files, the pinned
 * Node.js, npm and what a RUN line calls, under the name that it has. All of it is in memory and goes with the machine.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../check.ts';
import { type Machine, whyNoMachine } from './machine.ts';

/** In a folder where the machine's memory is mounted: one layer that takes writes does not bear another. */
const STORE = '/run/images';
/** Where nothing of the system's own is looked at. */
export const BUILDAH = ['--root', `${STORE}/root`, '--runroot', `${STORE}/run`, '--storage-driver', 'overlay'];
/** A file for each container, with what is known of it. */
export const RUNNING = '/run/docker';

/** Addresses of a container, and of the machine as it sees it: where Docker's own would be, there may be something. */
export const INSIDE = '172.31.255.2';
export const OUTSIDE = '172.31.255.1';

/** What the lines of Dockerfiles and the scripts of npm start. */
const PROGRAMS = ['sh', 'env', 'mkdir', 'rm', 'ln', 'install'];

/** `$NAME` is how the image is called, `$REGISTRY` where its npm looks for packages. */
const BASE = `
set -eu
container=$(buildah ${BUILDAH.join(' ')} from scratch)
cd "$(buildah ${BUILDAH.join(' ')} mount "$container")"
mkdir -p bin usr/bin usr/local/bin usr/local/etc usr/local/lib/node_modules etc root tmp proc dev sys run var
chmod 1777 tmp
cp "$(command -v node)" usr/local/bin/node
cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" usr/local/lib/node_modules/npm
ln -s ../lib/node_modules/npm/bin/npm-cli.js usr/local/bin/npm
printf 'registry=%s\\nupdate-notifier=false\\n' "$REGISTRY" > usr/local/etc/npmrc
for each in ${PROGRAMS.join(' ')}; do cp -L "$(command -v "$each")" bin/; done
ln -s ../../bin/env usr/bin/env
ldd bin/* usr/local/bin/node | sed -n 's,^[^/]*\\(/[^ ]*\\) (0x.*,\\1,p' | sort -u | while read -r library; do
  mkdir -p ".$(dirname "$library")"
  cp -L "$library" ".$library"
done
printf 'root:x:0:0::/root:/bin/sh\\nnode:x:1000:1000::/:/bin/sh\\n' > etc/passwd
printf 'root:x:0:\\nnode:x:1000:\\n' > etc/group
cd /
buildah ${BUILDAH.join(' ')} config --env PATH="$PATH" --cmd node "$container"
buildah ${BUILDAH.join(' ')} commit --quiet --rm "$container" "$NAME"
`;

/** What a build and a run stand on for a moment: layers in memory, a network between the machine and a container. */
const PROBE = `
mount -t tmpfs tmpfs /mnt &&
buildah --root /mnt/root --runroot /mnt/run --storage-driver overlay from scratch &&
buildah --root /mnt/root --runroot /mnt/run --storage-driver overlay mount working-container &&
ip link add name here type veth peer name there
`;

/** @returns why no image can be built and run here; nothing when it can */
export function whyNoImages(): string {
  const why = whyNoMachine();
  if (why !== '') return why;
  if (spawnSync('buildah', ['--version']).status !== 0) return 'buildah is not installed';
  const { status, stderr } = spawnSync('unshare', ['--mount', '--net', 'sh', '-c', PROBE], { encoding: 'utf8' });
  return status === 0 ? '' : `an image cannot be kept, or not be given a network: ${stderr.trim()}`;
}

/**
 * Packages that are packed anew here have other checksums than those of the lock file, which are taken out of it.
 * Everything else of the clone is as it is.
 */
const WRITABLE = `
mkdir -p ${STORE}/clone/upper ${STORE}/clone/work
mount -t overlay overlay -o lowerdir='${root}',upperdir=${STORE}/clone/upper,workdir=${STORE}/clone/work '${root}'
cd '${root}' && node -e '
  const { readFileSync, writeFileSync } = require("node:fs");
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  for (const entry of Object.values(lock.packages)) delete entry.integrity;
  writeFileSync("package-lock.json", JSON.stringify(lock));
'`;

/**
 * From now on `docker` can be typed there.
 *
 * @param base what the base image is called
 * @param registry where packages come from
 */
export async function provideDocker(machine: Machine, base: string, registry: string): Promise<void> {
  const docker = '/usr/local/sbin/docker'; // before all other places
  await machine.file(docker, `#!/bin/sh\nexec node '${join(root, 'scripts/docs/docker.ts')}' "$@"\n`);
  await machine.type(`chmod +x ${docker}`);
  await machine.type(WRITABLE.trim());
  await machine.file('/run/base.sh', BASE);
  await machine.type(`NAME='${base}' REGISTRY='${registry}' bash /run/base.sh`);
}
