/** The process behind `Hardhat`: its network on a free loopback port, until whoever started it lets go. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHardhatRuntimeEnvironment } from 'hardhat/hre';

const home = mkdtempSync(join(tmpdir(), 'hardhat-'));
writeFileSync(join(home, 'package.json'), '{}'); // by which it knows a project
process.on('exit', () => rmSync(home, { recursive: true, force: true }));
process.on('disconnect', () => process.exit(0));

const hardhat = await createHardhatRuntimeEnvironment({}, {}, home);
const server = await hardhat.network.createServer('default', '127.0.0.1', 0);
const { port } = await server.listen();
process.send?.(`http://127.0.0.1:${port}`);
