/** The `keepwarm` command, once it is known that this Node.js can run it. */
import { parseCommandLine } from './parse.ts';
import { failureOf, run } from './run.ts';

try {
  process.exitCode = await run(
    parseCommandLine(process.argv.slice(2)),
    (line) => void process.stdout.write(`${line}\n`),
  );
} catch (error) {
  const { code, words } = failureOf(error);
  process.stderr.write(`${words}\n`);
  process.exitCode = code;
}
