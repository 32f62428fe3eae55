/**
 * Question: how many JSON-RPC calls a second does one core of a Node process get through, by hand, with the clients
 * people have, and with a pool of endpoints; what do batches add; and what does the pool do for those clients?
 * Method: as for calls, with two nodes in a process of their own that answer by id. Each call asks for something else.
 *         `jsonrpc-edge` is the same with the header fields of a provider: what a client does with them shows there.
 *         `jsonrpc-200` has 200 reads in flight, of which batches of full size are made.
 * Decides: whether the way from a method to the engine may stay as it is, and what the guide says of drop-ins.
 */
import type { Contestant } from './contestant.ts';
import { type CallRow, callRows } from './rows.ts';
import { compare, type Outcome, type Plan } from './runner.ts';
import type { JsonRpcScenario } from './scenarios.ts';
import { startRpc } from './server/rpc-server.ts';
import type { Stable } from './stable.ts';

/** In the order of the table. */
const RPC_CLIENTS = [
  'rpc.call',
  'rpc.call batching',
  'undici by hand',
  'viem http',
  'viem over rpc.fetch',
  'web3.js',
  'web3.js over rpc.fetch',
] as const;

/** What sits on top of these adds nothing to what `jsonrpc-edge` and `jsonrpc-200` are about. */
const FIRST_CLIENTS: readonly string[] = RPC_CLIENTS.slice(0, 3);

const FULL: Plan = {
  warmMs: 1_500,
  warmAgainMs: 300,
  leadMs: 40,
  sliceMs: 300,
  roundsMin: 3,
  roundsMax: 10,
  budgetMs: 25_000,
};
const BRIEF: Plan = { ...FULL, warmMs: 800, sliceMs: 200, roundsMax: 4, budgetMs: 8_000 };

export async function measureJsonRpc(wanted: JsonRpcScenario, stable: Stable, quick: boolean): Promise<CallRow[]> {
  const { name, head, inFlight } = wanted;
  const server = await startRpc(head);
  const target = { origin: server.nodes.join(' '), path: '/', ca: '', socketsMax: inFlight };
  const failed: Outcome[] = [];
  const contestants: Contestant[] = [];
  try {
    for (const client of name === 'jsonrpc' ? RPC_CLIENTS : FIRST_CLIENTS) {
      try {
        contestants.push(await stable.open(client, target));
      } catch (error) {
        failed.push({ name: client, slices: [], failure: `could not be opened: ${(error as Error).message}` });
      }
    }
    const outcomes = [...failed, ...(await compare(contestants, inFlight, quick ? BRIEF : FULL))];
    const place = (outcome: Outcome): number => (RPC_CLIENTS as readonly string[]).indexOf(outcome.name);
    const scenario = { name, inFlight, reply: '100B' } as const;
    return callRows(
      scenario,
      outcomes.sort((one, other) => place(one) - place(other)),
    );
  } finally {
    await Promise.all(contestants.map((each) => each.close()));
    await server.close();
  }
}
