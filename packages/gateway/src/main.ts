#!/usr/bin/env node
/**
 * The `keepwarm` command: the rest is loaded once it is known that it can be, since an older Node.js ends at some
 * import with words that help nobody. So nothing is imported here, and all is written as older ones read it, too.
 */

/** The first that has all we import. 23, which was never one to stay on, is not looked at more closely. */
const OLDEST = { major: 22, minor: 19 };
const NEWER = 24;
/** As docs/reference/cli.md has it. */
const UNFIT = 4;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major >= NEWER || (major === OLDEST.major && minor >= OLDEST.minor)) {
  void import('./command/main.ts');
} else {
  const wanted = `Node.js ${OLDEST.major}.${OLDEST.minor} or a newer 22, or ${NEWER} or newer`;
  process.stderr.write(`keepwarm: needs ${wanted}; this is ${process.versions.node}, at ${process.execPath}\n`);
  process.exitCode = UNFIT;
}
