/** `node:https` by hand as in its own file, over Agents whose sockets come from our pools. */
import { createClient } from 'keepwarm';
import { keepwarmAgents } from 'keepwarm/node-http';
import type { OpenClient } from './client.ts';
import { settings } from './keepwarm.ts';
import { over } from './node-http.ts';

export const open: OpenClient = (target) => {
  const api = createClient(settings(target));
  const { call, close } = over(target, keepwarmAgents(api));
  return {
    call,
    close: async () => {
      await close();
      await api.close();
    },
  };
};
