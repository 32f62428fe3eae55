/** keepwarm, both of its doors, with every default protection on: the only option set is how many connections it may hold. */
import { createClient } from 'keepwarm';
import { CALL_BODY } from '../server/replies.ts';
import { CALL_HEADERS, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';

const create = ({ origin, ca, socketsMax }: Target) =>
  createClient({ origin, tls: { ca }, pool: { socketsMax, idleMax: socketsMax } });

/** `post().json()` rejects any status but 2xx by itself. */
export const openPost: OpenClient = (target) => {
  const api = create(target);
  const options = { headers: CALL_HEADERS };
  return {
    call: async () => (await api.post(target.path, CALL_BODY, options).json()) as RpcReply,
    stats: () => api.stats(),
    close: () => api.close(),
  };
};

export const openFetch: OpenClient = (target) => {
  const api = create(target);
  const url = target.origin + target.path;
  return {
    call: async () => {
      const response = await api.fetch(url, { method: 'POST', headers: CALL_HEADERS, body: CALL_BODY });
      expectOk(response.status);
      return (await response.json()) as RpcReply;
    },
    stats: () => api.stats(),
    close: () => api.close(),
  };
};
