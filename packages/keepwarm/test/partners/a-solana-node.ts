/**
 * Solana nodes of one chain, over a real engine, each behind a front that can go wrong (rpc-front.ts). Slots are made
 * when told to; a node that lags gets each of them later. What is sent to one of them is in the next slot of all.
 *
 *     await using chain = await SolanaChain.start('a', 'b');
 *     chain.fund(payer.publicKey.toBase58(), 10_000_000_000n);
 *     chain.nodes[1].lag = 40;                     // real lag: it is in an older state
 *     chain.nodes[0].front.does = () => ({ status: 429, retryAfter: 1 });
 *     await chain.tick(50);
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from '@solana/kit';
import { toBase58 } from '../../src/wire/base58.ts';
import { RpcFront } from './rpc-front.ts';
import { SolanaBank } from './solana-bank.ts';
import { MethodError, SOLANA_METHODS, type SolanaSite } from './solana-methods.ts';

/** Agave's limit of a request body. */
const BODY_BYTES_MAX = 50 * 1024;

export class SolanaNode {
  readonly name: string;
  readonly bank = new SolanaBank();
  readonly front: RpcFront;
  /** How many slots it is behind the chain. */
  lag = 0;
  readonly #server: Server;

  private constructor(name: string, server: Server, front: RpcFront) {
    this.name = name;
    this.#server = server;
    this.front = front;
  }

  static async start(name: string, chain: SolanaChain): Promise<SolanaNode> {
    const server = createServer((incoming, answer) => {
      const said = (status: number, body: string): void => {
        answer.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(body);
      };
      answering(incoming, site).then(
        (body) => (body === undefined ? said(413, '') : said(200, body)),
        () => answer.destroy(),
      );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const front = await RpcFront.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const node = new SolanaNode(name, server, front);
    const site: SolanaSite = {
      bank: node.bank,
      behind: () => chain.slot - node.bank.slot,
      submit: (wire) => chain.submit(wire),
      airdrop: (address, lamports) => chain.fund(address, lamports),
    };
    return node;
  }

  get url(): string {
    return this.front.url;
  }

  async stop(): Promise<void> {
    await this.front.stop();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

export class SolanaChain {
  readonly nodes: SolanaNode[] = [];
  /** The transactions of each slot. */
  readonly #slots: (readonly Uint8Array[])[] = [];
  #pending = new Map<string, Uint8Array>();

  static async start(...names: readonly string[]): Promise<SolanaChain> {
    const chain = new SolanaChain();
    for (const name of names) chain.nodes.push(await SolanaNode.start(name, chain));
    return chain;
  }

  get slot(): number {
    return this.#slots.length;
  }

  /** Lamports out of nothing, on all nodes at once. @returns what may pass for a signature */
  fund(address: string, lamports: bigint): string {
    for (const { bank } of this.nodes) bank.fund(address as Address, lamports);
    return toBase58(createHash('sha512').update(`${address} ${lamports} ${this.slot}`).digest());
  }

  submit(wire: Uint8Array): void {
    this.#pending.set(toBase58(wire.subarray(1, 65)), wire);
  }

  /** As many slots; everything sent so far is in the first of them. */
  tick(slots = 1): void {
    for (let i = 0; i < slots; i++) {
      this.#slots.push([...this.#pending.values()]);
      this.#pending = new Map();
      for (const { bank, lag } of this.nodes) {
        while (bank.slot < this.slot - lag) bank.advance(this.#slots[bank.slot]!);
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** @returns nothing for a body that is too long */
async function answering(incoming: IncomingMessage, site: SolanaSite): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += (chunk as Buffer).length;
    if (length > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk as Buffer);
  }
  const parsed = parsedOf(Buffer.concat(chunks).toString());
  if (parsed instanceof MethodError) return toJson(failed(parsed, null));
  if (!Array.isArray(parsed)) return toJson(one(parsed, site));
  if (parsed.length === 0) return toJson(failed(new MethodError(-32_600, 'Invalid request'), null));
  return toJson(parsed.map((request) => one(request, site)));
}

function parsedOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return new MethodError(-32_700, 'Parse error');
  }
}

function one(request: unknown, site: SolanaSite): unknown {
  const { id = null, method, params = [], jsonrpc } = (request ?? {}) as Record<string, unknown>;
  try {
    if (jsonrpc !== '2.0' || typeof method !== 'string') throw new MethodError(-32_600, 'Invalid request');
    const known = Object.hasOwn(SOLANA_METHODS, method) ? SOLANA_METHODS[method] : undefined;
    if (known === undefined) throw new MethodError(-32_601, 'Method not found');
    if (!Array.isArray(params)) throw new MethodError(-32_602, '`params` should have at least 1 argument(s)');
    return { jsonrpc: '2.0', result: known(site, params), id };
  } catch (error) {
    return failed(error instanceof MethodError ? error : new MethodError(-32_603, 'Internal error'), id);
  }
}

function failed({ code, message, data }: MethodError, id: unknown): unknown {
  return { jsonrpc: '2.0', error: data === undefined ? { code, message } : { code, message, data }, id };
}

/** Whole numbers of 64 bits as nodes write them: digits. */
function toJson(value: unknown): string {
  const text = JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `bigint:${each}` : each));
  return text.replaceAll(/"bigint:(\d+)"/g, '$1');
}
