/**
 * Agents for Node's own HTTP client whose sockets come from a client's pools: its limits, its order of reuse, ages,
 * name cache, TLS sessions, statistics and facts hold for them, and its own calls share them. Node's parser runs the
 * exchange, so whatever is built on `node:http` behaves as ever: axios, got, ethers, AWS SDK, google-auth.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { Chain } from '../../algo/chain.ts';
import { type Client, type ClientOptions, engineOf } from '../../clients/client.ts';
import type { ClientStats } from '../../clients/stats.ts';
import type { Clock } from '../../core/clock.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import type { OriginPool } from '../../engines/http1/origin-pool.ts';
import { SocketLease } from '../../engines/http1/socket-lease.ts';
import { Asked } from './asked.ts';
import { asNodeError } from './errors.ts';
import { keepsLongTextApart } from './long-text.ts';
import { type Place, Places, type RequestOptions, servernameOf } from './places.ts';
import { AgentRequest, type NodeRequest, type RequestWatch } from './request.ts';

type Lists<T> = Record<string, T[]>;

/** Where requests go that ask for the same, and by which name Node's own agent would know it. */
interface Known {
  readonly name: string;
  readonly place: Place;
}

/** What both agents do; they differ in scheme and name only. */
class Broker implements RequestWatch {
  readonly clock: Clock;
  readonly places: Places;
  readonly #secure: boolean;
  readonly #agent: HttpAgent;
  readonly #requests = new Chain<AgentRequest>();
  /** Where requests of a name went, for as long as Node's own agent would know the name. */
  readonly #pools = new Map<string, OriginPool>();
  readonly #asked = new Asked<Known>();

  constructor(agent: HttpAgent, places: Places, secure: boolean) {
    this.#agent = agent;
    this.places = places;
    this.#secure = secure;
    this.clock = engineOf(places.client).clock;
  }

  add(request: NodeRequest, given: RequestOptions): void {
    try {
      const hostField = this.#secure ? request.getHeader('host') : undefined;
      const { name, place } = this.#known(given, hostField);
      const { engine } = place;
      const pool = engine.pool(place.origin, '');
      this.#remember(name, pool);
      const holder = new AgentRequest(request, given, name, this);
      const lease = new SocketLease(engine, pool, holder, place.queueMs);
      keepsLongTextApart(request);
      this.#requests.push(holder);
      holder.start(lease);
    } catch (error) {
      turnstileOf(this.clock).pass(() => request.onSocket(null, asNodeError(error)));
    }
  }

  freed(socket: Socket, { options }: AgentRequest): void {
    this.#agent.emit('free', socket, options);
  }

  left(request: AgentRequest): void {
    this.#requests.remove(request);
  }

  sockets(): Lists<Socket> {
    return this.#listed(({ socket }) => socket);
  }

  requests(): Lists<NodeRequest> {
    return this.#listed(({ socket, request }) => (socket === undefined ? request : undefined));
  }

  freeSockets(): Lists<Socket> {
    const lists: Lists<Socket> = {};
    for (const [name, { pool }] of this.#pools) {
      const idle = [...pool.idle].map(({ socket }) => socket);
      if (idle.length > 0) lists[name] = idle;
    }
    return lists;
  }

  /** Ends what is under way, and closes what is idle if nobody else's calls could want it. */
  destroy(): void {
    for (const request of [...this.#requests]) request.destroy();
    if (this.places.owned) for (const client of this.places.clients) client.closeIdle();
  }

  #known(given: RequestOptions, hostField: unknown): Known {
    const found = this.#asked.find(given, hostField);
    if (found !== undefined) {
      if (this.places.current(found.place)) return found;
      this.#asked.clear();
    }
    const options = this.#secure ? { ...given, servername: servernameOf(given, hostField) } : given;
    const place = this.places.of(options, this.#secure);
    const name = this.#agent.getName(options as Parameters<HttpAgent['getName']>[0]);
    const known = { name, place };
    this.#asked.note(given, hostField, known);
    return known;
  }

  #listed<T>(of: (request: AgentRequest) => T | undefined): Lists<T> {
    const lists: Lists<T> = {};
    for (const request of this.#requests) {
      const item = of(request);
      if (item !== undefined) (lists[request.name] ??= []).push(item);
    }
    return lists;
  }

  #remember(name: string, pool: OriginPool): void {
    if (this.#pools.get(name) === pool) return;
    if (this.#pools.size >= NAMES_MAX) {
      for (const [other, { pool: unused }] of this.#pools) if (unused.size === 0) this.#pools.delete(other);
    }
    this.#pools.set(name, pool);
  }
}

/** Names from which on those without connections are forgotten. */
const NAMES_MAX = 1_000;

/** What Node's constructor is told, so that its public fields say what holds here. */
function settingsOf(places: Places): ConstructorParameters<typeof HttpAgent>[0] {
  const { socketsMax, socketsTotalMax, idleMax, scheduling } = engineOf(places.client).options;
  return {
    keepAlive: true,
    maxSockets: socketsMax,
    maxTotalSockets: socketsTotalMax,
    maxFreeSockets: Math.max(idleMax, 1),
    scheduling,
  };
}

/** Node asks an agent for nothing but `addRequest`; the rest is for those who look into it. */
function serve(agent: HttpAgent, broker: Broker): void {
  agent.removeAllListeners('free'); // Node's own would keep the socket a second time
  agent.destroy = () => broker.destroy();
  const given = {
    addRequest: { value: (request: NodeRequest, options: RequestOptions) => broker.add(request, options) },
    sockets: { get: () => broker.sockets() },
    freeSockets: { get: () => broker.freeSockets() },
    requests: { get: () => broker.requests() },
    totalSocketCount: {
      get: () => broker.places.clients.reduce((sum, client) => sum + engineOf(client).sockets.size, 0),
    },
  };
  Object.defineProperties(agent, given);
}

export interface KeepwarmAgents {
  /** For `http:` URLs. */
  readonly httpAgent: HttpAgent;
  /** For `https:` URLs. */
  readonly httpsAgent: HttpsAgent;
  /** The client the sockets come from. */
  readonly client: Client;
  /** Of that client, and of each set of TLS options that requests have brought. */
  stats(): ClientStats[];
  /** Lets requests under way finish, and closes the client if it was made for these agents. */
  close(): Promise<void>;
}

/**
 * A pair of agents for Node's HTTP client over one client's pools. The names are those that axios, the AWS SDK and
 * others have for them, so it can be spread into their options.
 *
 * Made from options, they have a client of their own, which `close()` closes. A client they are given is its owner's.
 * `agent.destroy()` ends the agent's requests, as Node's does, and leaves it usable.
 *
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function keepwarmAgents(client: Client | ClientOptions = {}): KeepwarmAgents {
  const places = new Places(client);
  const settings = settingsOf(places);
  const httpAgent = new HttpAgent(settings);
  const httpsAgent = new HttpsAgent(settings);
  serve(httpAgent, new Broker(httpAgent, places, false));
  serve(httpsAgent, new Broker(httpsAgent, places, true));
  return {
    httpAgent,
    httpsAgent,
    client: places.client,
    stats: () => places.clients.map((each) => each.stats()),
    async close() {
      if (places.owned) await Promise.all(places.clients.map((each) => each.close()));
    },
  };
}
