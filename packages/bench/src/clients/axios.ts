/** axios over keep-alive Agents, without redirects, which spares it the `follow-redirects` layer. */
import axios from 'axios';
import { CALL_BODY } from '../server/replies.ts';
import { CALL_HEADERS, expectOk, type OpenClient, type RpcReply } from './client.ts';
import { agents } from './node-http.ts';

export const open: OpenClient = (target) => {
  const both = agents(target);
  const instance = axios.create({
    baseURL: target.origin,
    ...both,
    maxRedirects: 0,
    proxy: false,
    headers: CALL_HEADERS,
  });
  return {
    call: async () => {
      const response = await instance.post<RpcReply>(target.path, CALL_BODY);
      expectOk(response.status);
      return response.data;
    },
    close: () => {
      both.httpAgent.destroy();
      both.httpsAgent.destroy();
    },
  };
};
