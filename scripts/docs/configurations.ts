/** Configurations of the documentation, each put to whom it is for. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseCommandLine } from '../../packages/gateway/src/command/parse.ts';
import { commandHere } from '../../packages/gateway/test/command-process.ts';
import type { Block } from './markdown.ts';

/** What the pages' configurations take from the environment. */
const SECRETS = ['RPC_KEY', 'API_TOKEN', 'X_TOKEN', 'QUOTES_KEY'];

/** What is part of a configuration only, with what it is part of. */
export function settled({ text }: Pick<Block, 'text'>): string {
  return /^\s*\{?\s*"?upstreams"?:/m.test(text)
    ? text
    : `${text}\nupstreams: { api: { origin: "https://api.example.com" } }\n`;
}

/** @returns what is wrong, in the words of whom it is for; '' when nothing is */
export async function configurationFault(block: Block, folder: string): Promise<string> {
  const { text, language } = block;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${block.where.replaceAll(/\W+/g, '-')}.${language}`);
  try {
    if (text.includes('mcpServers')) return hostFault(text);
    writeFileSync(file, settled(block));
    return text.includes('scrape_configs') ? prometheusFault(file, text) : await gatewayFault(file);
  } finally {
    rmSync(file, { force: true });
  }
}

/** What an assistant's host would start. */
function hostFault(text: string): string {
  const { mcpServers } = JSON.parse(text) as { mcpServers: Record<string, { command: string; args: string[] }> };
  const entries = Object.values(mcpServers);
  for (const { args } of entries) parseCommandLine(args);
  return entries.every(({ command }) => command === 'keepwarm') ? '' : `${text} starts something else`;
}

function prometheusFault(file: string, text: string): string {
  const { scrape_configs: jobs } = parse(text);
  if (!Array.isArray(jobs) || jobs.some(({ job_name: name }) => typeof name !== 'string')) return 'a job has no name';
  // Some builds of promtool know of no Kubernetes; and files of credentials are on another machine.
  writeFileSync(file, text.replace(/kubernetes_sd_configs: .*/, 'static_configs: []'));
  const { status, stderr, stdout, error } = spawnSync('promtool', ['check', 'config', '--syntax-only', file]);
  if (error !== undefined) return ''; // it is not installed: that it can be read must do
  return status === 0 ? '' : `${stdout}${stderr}`;
}

async function gatewayFault(file: string): Promise<string> {
  const before = { ...process.env };
  for (const name of SECRETS) process.env[name] = 'secret';
  process.env['REDIS_URL'] = 'redis://127.0.0.1:6379';
  try {
    const { code, err } = await commandHere(['check', file]);
    return code === 0 ? '' : `${err}`;
  } finally {
    for (const name of [...SECRETS, 'REDIS_URL']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}
