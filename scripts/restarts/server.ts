/** The process behind a generation. It says what it was asked before it answers, so that dying cannot hide it. */
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { GenerationOptions, Said } from './generation.ts';

const { port, identity, answerMs } = JSON.parse(process.argv[2] ?? '{}') as GenerationOptions;
const tell = (said: Said): void => void process.send?.(said);

const sessions = new Set<ServerHttp2Session>();
const server = createSecureServer(identity, (request, response) => {
  tell({ asked: request.url });
  request.on('error', () => {}).resume(); // its caller hears of it
  setTimeout(() => response.end(request.url), Math.random() * answerMs);
});
server.on('tlsClientError', () => {}).on('sessionError', () => {}); // callers hear of these, too
server.on('session', (session) => {
  sessions.add(session);
  session.on('close', () => sessions.delete(session));
});

process.on('message', () => {
  server.close(() => process.disconnect());
  for (const session of sessions) session.close();
});
process.on('disconnect', () => process.exit(0));
server.listen({ port, host: '127.0.0.1', reusePort: true }, () => {
  tell({ port: (server.address() as AddressInfo).port });
});
