/** `node:http` and `node:https` by hand, over a keep-alive Agent: options prepared once, the reply gathered, parsed. */
import * as http from 'node:http';
import * as https from 'node:https';
import { bodyOf, CALL_HEADERS, type Client, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';

export interface Agents {
  readonly httpAgent: http.Agent;
  readonly httpsAgent: https.Agent;
}

/** The Agents of this file and of axios and got, which both sit on them. */
export function agents({ ca, socketsMax }: Target): Agents {
  const options = { keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax };
  return { httpAgent: new http.Agent(options), httpsAgent: new https.Agent({ ...options, ca }) };
}

export const open: OpenClient = (target) => over(target, agents(target));

/** @param both ends with the client */
export const over = (target: Target, both: Agents): Client => {
  const body = bodyOf(target);
  const url = new URL(target.path, target.origin);
  const secure = url.protocol === 'https:';
  const request = secure ? https.request : http.request;
  const agent = secure ? both.httpsAgent : both.httpAgent;
  const options = {
    agent,
    host: url.hostname,
    port: url.port,
    path: url.pathname,
    method: 'POST',
    headers: { ...CALL_HEADERS, 'content-length': body.length },
  };
  const call = (): Promise<RpcReply> =>
    new Promise((resolve, reject) => {
      const outgoing = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          try {
            expectOk(response.statusCode);
            const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
            resolve(JSON.parse(bytes.toString()) as RpcReply);
          } catch (error) {
            reject(error);
          }
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  return { call, close: () => agent.destroy() };
};
