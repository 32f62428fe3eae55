/**
 * The exchange: keepwarm's stand-in for Vest, which verifies signatures, nonces and clocks, behind a proxy that closes
 * quiet connections, as those in front of exchanges do. Its weather is what happens to one order after the other.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { startVestServer, type VestCrypto, type VestFault } from 'keepwarm/testing';
import type { TypedDataDefinition } from 'viem';
import { encodeAbiParameters, type Hex, keccak256, recoverMessageAddress, recoverTypedDataAddress } from 'viem';

/** What it cannot do by itself, done by viem. */
const crypto: VestCrypto = {
  hashOf: (types, values) =>
    keccak256(
      encodeAbiParameters(
        types.map((type) => ({ type })),
        values.map((value) => (typeof value === 'number' ? BigInt(value) : value)),
      ),
    ),
  recoverMessage: (hash, signature) =>
    recoverMessageAddress({ message: { raw: hash as Hex }, signature: signature as Hex }),
  recoverTypedData: (proof, signature) =>
    recoverTypedDataAddress({ ...(proof as TypedDataDefinition), signature: signature as Hex }),
};

const weather: readonly (VestFault | undefined)[] = [undefined, 'lose after', 'lose before', 'copy', 'key', undefined];

export async function startExchange(idleMs: number) {
  const contract = '0x919386306C47b2Fe1036e3B4F7C40D22D2461a23';
  const server = await startVestServer({ crypto, contract, fault: (index) => weather[index] });
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(Number(new URL(server.restUrl).port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
    near.setTimeout(idleMs, () => near.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address() as AddressInfo;
  const behind = (url: string): string => Object.assign(new URL(url), { port: String(port) }).href;
  return {
    address: { restUrl: behind(server.restUrl), wsUrl: server.wsUrl },
    weather,
    orders: () => server.orders.map(({ id }) => id),
    async close() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
      await server.close();
    },
  };
}
