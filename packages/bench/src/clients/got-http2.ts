/** got over HTTP/2, which `http2-wrapper` does for it; without retries and redirects. */
import got from 'got';
import { bodyOf, CALL_HEADERS, type OpenClient, type RpcReply } from './client.ts';

export const open: OpenClient = (target) => {
  const url = target.origin + target.path;
  const body = bodyOf(target);
  const instance = got.extend({
    http2: true,
    headers: CALL_HEADERS,
    https: { certificateAuthority: target.ca },
    retry: { limit: 0 },
    followRedirect: false,
  });
  return {
    call: () => instance.post(url, { body }).json<RpcReply>(),
    close: () => {}, // its agent is the process's own, and ends with it
  };
};
