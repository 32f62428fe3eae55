/** got over keep-alive Agents, without retries and redirects; it rejects any status but 2xx by itself. */
import got from 'got';
import { CALL_BODY } from '../server/replies.ts';
import { CALL_HEADERS, type OpenClient, type RpcReply } from './client.ts';
import { agents } from './node-http.ts';

export const open: OpenClient = (target) => {
  const both = agents(target);
  const url = target.origin + target.path;
  const instance = got.extend({
    agent: { http: both.httpAgent, https: both.httpsAgent },
    headers: CALL_HEADERS,
    retry: { limit: 0 },
    followRedirect: false,
  });
  return {
    call: () => instance.post(url, { body: CALL_BODY }).json<RpcReply>(),
    close: () => {
      both.httpAgent.destroy();
      both.httpsAgent.destroy();
    },
  };
};
