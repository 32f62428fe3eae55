/**
 * Several anvil nodes of one chain, each behind a front that can go wrong. Blocks are mined on all of them at the same
 * times with the same transactions, so they have the same hashes; a node that lags gets each block later. What is sent
 * to one of them reaches the others, as on any network.
 */
import { Anvil, type AnvilOptions } from './an-anvil.ts';
import { RpcFront } from './rpc-front.ts';

const GENESIS_AT = 1_700_000_000;
const BLOCK_S = 12;

export class EvmNode {
  readonly name: string;
  readonly anvil: Anvil;
  readonly front: RpcFront;
  /** How many blocks it is behind the chain. */
  lag = 0;
  /** Blocks it has mined. */
  height = 0;

  constructor(name: string, anvil: Anvil, front: RpcFront) {
    this.name = name;
    this.anvil = anvil;
    this.front = front;
  }

  get url(): string {
    return this.front.url;
  }
}

interface Block {
  readonly at: number;
  readonly transactions: readonly string[];
}

export class EvmChain {
  readonly nodes: readonly EvmNode[];
  readonly #blocks: Block[] = [];
  /** Sent and not mined yet. */
  readonly #pending = new Set<string>();
  readonly #mined = new Set<string>();
  #mining: Promise<void> = Promise.resolve();

  private constructor(nodes: readonly EvmNode[]) {
    this.nodes = nodes;
  }

  static async start(names: readonly string[], options: Pick<AnvilOptions, 'accounts'> = {}): Promise<EvmChain> {
    const nodes = await Promise.all(
      names.map(async (name) => {
        const anvil = await Anvil.start({ ...options, genesisAt: GENESIS_AT });
        return new EvmNode(name, anvil, await RpcFront.start(anvil.url));
      }),
    );
    return new EvmChain(nodes);
  }

  get height(): number {
    return this.#blocks.length;
  }

  /** Where the best node is. */
  get reached(): number {
    return Math.max(...this.nodes.map(({ height }) => height));
  }

  /** How many transactions there are up to a block. */
  transactionsUntil(height: number): number {
    let count = 0;
    for (const { transactions } of this.#blocks.slice(0, Math.max(0, height))) count += transactions.length;
    return count;
  }

  /** As many blocks; everything sent so far is in the first of them. */
  mine(blocks = 1): Promise<void> {
    this.#mining = this.#mining.then(async () => {
      for (let i = 0; i < blocks; i++) {
        this.#seal();
        await Promise.all(this.nodes.map((node) => this.#catchUp(node)));
      }
    });
    return this.#mining;
  }

  /** Mines a block every so often, in ms, until the returned function is called. */
  keepMining(everyMs: number): () => Promise<void> {
    const timer = setInterval(() => void this.mine(), everyMs);
    return async () => {
      clearInterval(timer);
      await this.#mining;
    };
  }

  /** How often each raw transaction was handed to a node, whichever. */
  writes(): ReadonlyMap<string, number> {
    const writes = new Map<string, number>();
    for (const { front } of this.nodes) {
      for (const [raw, count] of front.writes) writes.set(raw, (writes.get(raw) ?? 0) + count);
    }
    return writes;
  }

  async stop(): Promise<void> {
    await this.#mining.catch(() => undefined);
    await Promise.all(this.nodes.flatMap(({ front, anvil }) => [front.stop(), anvil.stop()]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #seal(): void {
    for (const { front } of this.nodes) {
      for (const raw of front.taken) if (!this.#mined.has(raw)) this.#pending.add(raw);
    }
    this.#blocks.push({ at: GENESIS_AT + BLOCK_S * (this.#blocks.length + 1), transactions: [...this.#pending] });
    for (const raw of this.#pending) this.#mined.add(raw);
    this.#pending.clear();
  }

  async #catchUp(node: EvmNode): Promise<void> {
    while (node.height < this.#blocks.length - node.lag) {
      const { at, transactions } = this.#blocks[node.height]!;
      for (const raw of transactions) {
        // It knows its own already, and may have refused it: then so do the others.
        await node.anvil.rpc('eth_sendRawTransaction', [raw]).catch(() => undefined);
      }
      await node.anvil.mine(at);
      node.height++;
    }
  }
}
