/**
 * The `fetch` every Node has, as it comes: no dispatcher of its own, its pool without a limit on connections.
 * It trusts the server by NODE_EXTRA_CA_CERTS, which is set for every client's process.
 */
import { CALL_BODY } from '../server/replies.ts';
import { CALL_HEADERS, expectOk, type OpenClient, type RpcReply } from './client.ts';

export const open: OpenClient = ({ origin, path }) => {
  const url = origin + path;
  return {
    call: async () => {
      const response = await fetch(url, { method: 'POST', headers: CALL_HEADERS, body: CALL_BODY });
      expectOk(response.status);
      return (await response.json()) as RpcReply;
    },
    close: () => {},
  };
};
