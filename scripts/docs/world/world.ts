/**
 * Whatever the examples of the documentation call, on loopback: no block of any page ever reaches a stranger. Addresses
 * that pages are written with are reserved ones (RFC 2606 § 3), or local; each has its stand-in here, and takes its
 * place in the text before a block is run.
 */

import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { OwnRedis } from '../../../packages/gateway/test/a-redis.ts';
import { makeAuthority } from '../../../packages/keepwarm/src/testing/certificates.ts';
import { startGeyserServer } from '../../../packages/keepwarm/src/testing/geyser/index.ts';
import { startGrpc } from './grpc.ts';
import { startNode } from './node.ts';

export interface World {
  /** What stands for each address. */
  readonly places: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** What lies in the folder a block runs in. */
  readonly files: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const NODES = ['rpc.example.com', 'a.example.com', 'api.example.com'];
const OTHERS = ['other.example.net', 'b.example.com'];
const GEYSERS = ['geyser.example.com', 'your-provider.example.com'];
const GRPCS = ['grpc.example.com', 'stream.example.com'];
const SLOT_MS = 50;

const asEntries = (hosts: readonly string[], place: string) => hosts.map((host) => [`https://${host}`, place] as const);

/** @param folder of its own, for what listens at a path */
export async function startWorld(folder: string): Promise<World> {
  mkdirSync(folder, { recursive: true });
  const [node, other, grpc, redis] = await Promise.all([startNode(), startNode(), startGrpc(), OwnRedis.start()]);
  const geyser = await startGeyserServer({ slotMs: SLOT_MS });
  const docker = createServer((_, response) => void response.end('[{"Id":"4f5e"}]'));
  const socketPath = join(folder, 'docker.sock');
  await once(docker.listen(socketPath), 'listening');
  const authority = makeAuthority();
  const { cert, key } = authority.issue();
  return {
    places: {
      ...Object.fromEntries([
        ...asEntries(NODES, node.origin),
        ...asEntries(OTHERS, other.origin),
        ...asEntries(GEYSERS, geyser.target),
        ...asEntries(GRPCS, grpc.target),
      ]),
      'https://host.luna.akamaiapis.net': node.origin,
      'wss://stream.example.net': node.origin.replace('http', 'ws'),
      'http://127.0.0.1:50051': grpc.target,
      'redis://127.0.0.1:6379': `redis://127.0.0.1:${redis.port}`,
      '/var/run/docker.sock': socketPath,
    },
    env: {
      GRPC_URL: grpc.target,
      X_TOKEN: 'token',
      PROXY_TOKEN: 'token',
      AWS_ENDPOINT_URL: node.origin,
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
    },
    files: { 'proxy-ca.pem': authority.cert, 'client.pem': cert, 'client-key.pem': key, 'cert.pem': cert },
    close: async () => {
      node.close();
      other.close();
      grpc.close();
      docker.close();
      docker.closeAllConnections();
      await Promise.all([geyser.close(), redis.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A folder in which a block finds what its reader would have. @returns the text with the world's addresses */
export function settle({ places, files }: World, folder: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const own = { ...places, '/var/lib/bot/starts': join(folder, 'starts'), '/var/tmp/starts': join(folder, 'starts') };
  return Object.entries(own).reduce((settled, [from, to]) => settled.replaceAll(from, to), text);
}
