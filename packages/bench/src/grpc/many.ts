/** As many clients as connections are wanted, each with one of its own; a call is one by each. */
import type { OpenClient } from '../clients/client.ts';

/** Handshakes at once. */
const AT_ONCE = 20;

export const many =
  (open: OpenClient): OpenClient =>
  async (target) => {
    const clients = await Promise.all(
      Array.from({ length: target.socketsMax }, () => open({ ...target, socketsMax: 1 })),
    );
    return {
      call: async () => {
        let reply = await clients[0]!.call();
        for (let at = 1; at < clients.length; at += AT_ONCE) {
          [reply] = (await Promise.all(clients.slice(at, at + AT_ONCE).map((each) => each.call()))) as [typeof reply];
        }
        return reply;
      },
      close: async () => {
        await Promise.all(clients.map((each) => each.close()));
      },
    };
  };
