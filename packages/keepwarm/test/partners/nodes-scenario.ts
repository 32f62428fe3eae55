/**
 * Three EVM nodes, each with a trouble of its own, under a workload of viem and ethers through one pool: one dies, one
 * lags 20 blocks, one answers 429 in bursts. Calls start at a fixed rate, whatever becomes of those before them.
 *
 * What is counted: reads that failed; reads whose answer is older than where the best node was when they began, and by
 * how many blocks; raw transactions that reached nodes more than once; time per call. Times are compared with those of
 * the same reads, made at the same time by the same process, through a pool of one more node that is always well: what
 * else the machine does, both feel.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HDNodeWallet } from 'ethers';
import { evm } from '../../src/adapters/evm/index.ts';
import { createRpc, type RpcClient } from '../../src/clients/jsonrpc/client.ts';
import { EvmChain, type EvmNode } from './an-evm-chain.ts';
import { CHAIN_ID, ethersReadings, type Reading, SINK, viemReadings } from './nodes-readings.ts';
import { bursts } from './rpc-front.ts';

export interface ScenarioOptions {
  readonly calls: number;
  readonly seconds: number;
  /** Time between two blocks, in ms. */
  readonly blockMs: number;
  /** One call in so many is a write. */
  readonly writeEvery: number;
}

export interface PhaseReport {
  readonly name: string;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of the reads through the node that is always well. */
  readonly wellP99Ms: number;
  /** The oldest answer, in blocks behind the best node. */
  readonly oldest: number;
  /** How old one could be. */
  readonly oldestMax: number;
}

export interface ScenarioReport {
  readonly phases: readonly PhaseReport[];
  readonly reads: number;
  readonly writes: number;
  readonly failedReads: readonly string[];
  /** Those that were too old, each with what would have been allowed. */
  readonly staleReads: readonly string[];
  readonly failedWrites: readonly string[];
  /** Raw transactions that reached nodes more than once. */
  readonly doubled: number;
  /** Writes whose caller got a hash, and that are in no block. */
  readonly lost: number;
  readonly facts: Readonly<Record<string, number>>;
  /** Messages that were answered with 429. */
  readonly refused: number;
}

export const LAG_MAX = 5;
const ROUNDS_PER_BLOCK = 3;
const PHRASE = 'test test test test test test test test test test test junk';

/** Calls before the first phase, as a share of all: Node compiles what it runs often. */
const WARM_UP = 0.1;
const HEALING_BLOCKS = 5;

interface Phase {
  readonly name: string;
  /** Of the calls, and of the time. */
  readonly share: number;
  begin(a: EvmNode, b: EvmNode, c: EvmNode): unknown;
  /** Before that: these get well, and have some blocks' time to catch up and be seen. */
  heals?(a: EvmNode, b: EvmNode, c: EvmNode): readonly EvmNode[];
}

const well = async (...nodes: readonly EvmNode[]): Promise<void> => {
  for (const node of nodes) {
    node.lag = 0;
    node.front.does = () => 'pass';
    await node.front.revive();
  }
};
/** Who does as it is told, and comes back a second later, is not met by the next burst. */
const bursting = ({ front }: EvmNode): void => void (front.does = bursts(300, 1_700, 1));

const lag = (node: EvmNode): void => void (node.lag = 20);

/** Two of three are in trouble at any time, each pair once; then all three; then none. */
export const PHASES: readonly Phase[] = [
  { name: 'all are well', share: 0.2, begin: () => undefined },
  { name: 'one lags, one bursts', share: 0.2, begin: (_, b, c) => [lag(b), bursting(c)] },
  { name: 'one dies, one lags', share: 0.2, heals: (_, _b, c) => [c], begin: (a) => a.front.die() },
  { name: 'one is dead, one bursts', share: 0.2, heals: (_, b) => [b], begin: (_, _b, c) => bursting(c) },
  { name: 'dead, lagging, bursting', share: 0.1, begin: (_, b) => lag(b) },
  { name: 'all are well again', share: 0.1, begin: (...nodes) => well(...nodes) },
];

/**
 * How old an answer may be, in blocks: what an endpoint may lag, and what it can lag more until a round has seen it. A
 * round takes as long as probes do, and those no longer than the slowest read of a node that is well.
 */
function staleAfter(blockMs: number, slowestMs: number): number {
  return LAG_MAX + 1 + Math.ceil((blockMs / ROUNDS_PER_BLOCK + slowestMs) / blockMs);
}

export async function nodesScenario({ calls, seconds, blockMs, writeEvery }: ScenarioOptions): Promise<ScenarioReport> {
  const chain = await EvmChain.start(['a', 'b', 'c', 'well'], {
    accounts: Math.ceil((calls * (1 + WARM_UP)) / writeEvery) + 1,
  });
  const facts: Record<string, number> = {};
  const count = (name: string) => () => void (facts[name] = (facts[name] ?? 0) + 1);
  const rpc = createRpc({
    adapter: evm,
    endpoints: chain.nodes.slice(0, 3).map(({ url, name }) => ({ url, name })),
    freshness: { intervalMs: blockMs / ROUNDS_PER_BLOCK, lagMax: LAG_MAX },
    deadlineMs: 10_000,
    observer: {
      endpointLagging: count('lagging'),
      endpointCaughtUp: count('caughtUp'),
      endpointEjected: count('ejected'),
      endpointReadmitted: count('readmitted'),
      retried: count('retried'),
      retryDenied: ({ reason }) => count(`retryDenied: ${reason}`)(),
      hedged: count('hedged'),
    },
  });
  const wellRpc = createRpc({ adapter: evm, endpoints: [{ url: chain.nodes[3]!.url }] });
  const stopMining = chain.keepMining(blockMs);
  try {
    await chain.mine(3);
    await Promise.all([rpc.warmUp(), wellRpc.warmUp()]);
    const run = new Workload(chain, rpc, wellRpc, { writeEvery, blockMs });
    const phases: PhaseReport[] = [];
    const [a, b, c] = chain.nodes as [EvmNode, EvmNode, EvmNode];
    const everyMs = (seconds * 1_000) / calls;
    await run.phase('warm-up', Math.round(calls * WARM_UP), everyMs);
    for (const { name, share, heals, begin } of PHASES) {
      if (heals !== undefined) {
        await well(...heals(a, b, c));
        await sleep(HEALING_BLOCKS * blockMs);
      }
      // No trouble begins while a node that is well has yet to mine what another has told: on a machine that is busy, a
      // block that only the dying node had would be nobody's.
      await chain.mine();
      await begin(a, b, c);
      phases.push(await run.phase(name, Math.round(calls * share), everyMs));
    }
    await stopMining();
    await chain.mine();
    const refused = chain.nodes.reduce((sum, { front }) => sum + front.refused, 0);
    return { phases, ...(await run.outcome()), facts, refused };
  } finally {
    await stopMining();
    await Promise.all([rpc.close({ deadlineMs: 0 }), wellRpc.close({ deadlineMs: 0 })]);
    await chain.stop();
  }
}

type WorkloadOptions = Pick<ScenarioOptions, 'writeEvery' | 'blockMs'>;

class Workload {
  readonly #blockMs: number;
  readonly #old: { readonly what: string; readonly behind: number }[] = [];
  readonly #chain: EvmChain;
  readonly #writeEvery: number;
  readonly #accounts = HDNodeWallet.fromPhrase(PHRASE, undefined, "m/44'/60'/0'/0");
  readonly #readings: readonly Reading[];
  readonly #wellReadings: readonly Reading[];
  readonly #rpc: RpcClient;
  readonly #hashes: string[] = [];
  readonly #failedReads: string[] = [];
  readonly #staleReads: string[] = [];
  readonly #failedWrites: string[] = [];
  #reads = 0;
  #writes = 0;
  #number = 0;
  #took: number[] = [];
  #wellTook: number[] = [];
  #oldest = 0;

  constructor(chain: EvmChain, rpc: RpcClient, wellRpc: RpcClient, { writeEvery, blockMs }: WorkloadOptions) {
    this.#blockMs = blockMs;
    this.#chain = chain;
    this.#rpc = rpc;
    this.#writeEvery = writeEvery;
    const readings = (of: RpcClient) => [...viemReadings(of, this.#heightOf), ...ethersReadings(of, this.#heightOf)];
    this.#readings = readings(rpc);
    this.#wellReadings = readings(wellRpc);
  }

  async phase(name: string, calls: number, everyMs: number): Promise<PhaseReport> {
    this.#took = [];
    this.#wellTook = [];
    this.#oldest = 0;
    const running: Promise<void>[] = [];
    const from = performance.now();
    while (running.length < calls) {
      const due = Math.min(calls, Math.floor((performance.now() - from) / everyMs) + 1);
      while (running.length < due) running.push(this.#both());
      await sleep(2);
    }
    await Promise.all(running);
    const at = percentiles(this.#took);
    const wellAt = percentiles(this.#wellTook);
    const oldestMax = staleAfter(this.#blockMs, wellAt(1));
    for (const { what, behind } of this.#old.splice(0)) {
      if (behind > oldestMax) this.#staleReads.push(`${what}: ${behind} blocks old, of ${oldestMax}`);
    }
    const times = { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), wellP99Ms: wellAt(0.99) };
    return { name, calls, ...times, oldest: this.#oldest, oldestMax };
  }

  async outcome() {
    const doubled = [...this.#chain.writes().values()].filter((times) => times > 1).length;
    let lost = 0;
    for (const hash of this.#hashes) {
      lost += (await this.#chain.nodes[0]!.anvil.rpc('eth_getTransactionReceipt', [hash])) === null ? 1 : 0;
    }
    return {
      reads: this.#reads,
      writes: this.#writes,
      failedReads: this.#failedReads,
      staleReads: this.#staleReads,
      failedWrites: this.#failedWrites,
      doubled,
      lost,
    };
  }

  async #both(): Promise<void> {
    const number = this.#number++;
    await Promise.all(
      number % 2 === 0 ? [this.#call(number), this.#well(number)] : [this.#well(number), this.#call(number)],
    );
  }

  async #well(number: number): Promise<void> {
    const began = performance.now();
    await this.#wellReadings[number % this.#wellReadings.length]!.read();
    this.#wellTook.push(performance.now() - began);
  }

  #call(number: number): Promise<void> {
    return number % this.#writeEvery === this.#writeEvery - 1 ? this.#write(number) : this.#read(number);
  }

  async #read(number: number): Promise<void> {
    const { what, read } = this.#readings[number % this.#readings.length]!;
    this.#reads++;
    const began = performance.now();
    const { reached } = this.#chain;
    try {
      const behind = reached - (await read());
      this.#oldest = Math.max(this.#oldest, behind);
      if (behind > LAG_MAX) this.#old.push({ what, behind });
    } catch (error) {
      this.#failedReads.push(`${what}: ${beneath(error)}`);
    }
    this.#took.push(performance.now() - began);
  }

  /** Each from an account of its own: none waits for another's number. */
  async #write(number: number): Promise<void> {
    const account = this.#accounts.deriveChild(Math.floor(number / this.#writeEvery));
    const fees = { maxFeePerGas: 100_000_000_000n, maxPriorityFeePerGas: 1n };
    const about = { chainId: CHAIN_ID, type: 2, nonce: 0, gasLimit: 21_000n, to: SINK, value: 1n, ...fees };
    const raw = await account.signTransaction(about);
    this.#writes++;
    const began = performance.now();
    try {
      this.#hashes.push(await this.#rpc.call<string>('eth_sendRawTransaction', [raw]));
    } catch (error) {
      this.#failedWrites.push(beneath(error));
    }
    this.#took.push(performance.now() - began);
  }

  /** The last block up to which there were so many transactions: each sends 1 wei to the sink. */
  readonly #heightOf = (balance: bigint): number => {
    let height = this.#chain.reached;
    while (height > 0 && this.#chain.transactionsUntil(height) > balance) height--;
    return height;
  };
}

function percentiles(took: readonly number[]): (share: number) => number {
  const sorted = took.toSorted((x, y) => x - y);
  return (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Clients wrap what the pool said. */
function beneath(error: unknown): string {
  let deepest = error;
  for (let i = 0; i < 10 && deepest instanceof Error && deepest.cause !== undefined; i++) deepest = deepest.cause;
  return (deepest instanceof Error ? String(deepest) : JSON.stringify(deepest)).slice(0, 300);
}
