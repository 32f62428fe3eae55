/** An exchange, as far as this example asks: takes orders, tells of them, and closes connections that are quiet. */
import { once } from 'node:events';
import { createServer } from 'node:http';

export async function startExchange(idleMs: number) {
  const taken = new Map<string, number>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const id: string = request.method === 'POST' ? JSON.parse(body).id : (request.url ?? '').replace('/orders/', '');
    if (request.method === 'POST') taken.set(id, (taken.get(id) ?? 0) + 1);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id, status: taken.has(id) ? 'filled' : 'unknown' }));
  });
  // Node adds a second to what it advertises; sockets are closed by hand, as proxies in front of exchanges do.
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => socket.setTimeout(idleMs, () => socket.end()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    doubled: () => [...taken.values()].filter((times) => times > 1).length,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
