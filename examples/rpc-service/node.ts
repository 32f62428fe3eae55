/** A node of a chain, as far as this example asks: heights, balances, 429 when asked too often, and death. */
import { once } from 'node:events';
import { createServer } from 'node:http';

export interface NodePlan {
  readonly height: number;
  readonly perSecondMax?: number;
  readonly delayMs?: number;
}

export async function startNode({ height, perSecondMax = Number.POSITIVE_INFINITY, delayMs = 0 }: NodePlan) {
  let recent: number[] = [];
  let throttled = 0;
  const answer = ({ id, method }: { readonly id: number; readonly method: string }): object => {
    const result = method === 'eth_chainId' ? '0x1' : `0x${height.toString(16)}`;
    return { jsonrpc: '2.0', id, result };
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const now = performance.now();
    recent = [...recent.filter((at) => now - at < 1_000), now];
    response.setHeader('content-type', 'application/json');
    if (recent.length > perSecondMax) {
      throttled++;
      response.writeHead(429, { 'retry-after': '1' }).end('{}');
      return;
    }
    const asked = JSON.parse(body);
    setTimeout(() => response.end(JSON.stringify(Array.isArray(asked) ? asked.map(answer) : answer(asked))), delayMs);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const die = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, throttled: () => throttled, die, close: async () => die() };
}
