#!/usr/bin/env node
/** The `keepwarm` command. */
import { parseCommandLine } from './command/parse.ts';
import { failureOf, run } from './command/run.ts';

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
