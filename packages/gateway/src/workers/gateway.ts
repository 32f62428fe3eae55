/**
 * A gateway whose work is done by several processes. This one, at home, has what there is once: the admin listener and
 * its page, the history, who of the workers has what of each limit, and all that speaks gRPC, since monitors share one
 * connection. docs/decisions/0024 says why.
 */

import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Readers } from '../admin/events.ts';
import { type LeftKey, leaveKey } from '../admin/key-file.ts';
import { Keys } from '../admin/keys.ts';
import type { Route } from '../admin/route.ts';
import { homeRoutes, withTable, workRoutes } from '../admin/routes.ts';
import { AdminServer } from '../admin/server.ts';
import type { GatewayConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { checkShares, configOfWorker } from '../config/shares.ts';
import { WORKER_SILENT_MS } from '../config/workers.ts';
import type { RequestIds } from '../data/request-ids.ts';
import { Feed } from '../figures/feed.ts';
import { type GatewayPlaces, ListenError, listening, readAgain, tokenFor } from '../gateway.ts';
import { GrpcUpstreams } from '../grpc/upstreams.ts';
import type { History } from '../history/history.ts';
import { historyOf } from '../history/open.ts';
import { type Log, SILENT } from '../logs/log.ts';
import { checkReload, idsOf, type Reloaded } from '../serving.ts';
import { CallerRates } from './caller-rates.ts';
import { carried, type Versions, versionsAfter } from './carried.ts';
import { ANSWER_MS, Crew, StartError } from './crew.ts';
import { homeFamilies } from './home-metrics.ts';
import { PlacesBook } from './places-book.ts';
import { rehearse } from './rehearsal.ts';
import { crewRows } from './rows.ts';
import { summarisingTold } from './summaries.ts';
import { TOGETHER } from './together/all.ts';
import { CrewMetrics } from './together/metrics.ts';
import { snapshotOf } from './together/stats.ts';
import type { CrewView } from './together/together.ts';

/** Actions may open connections. */
const ACT_MS = 9_000;

export class WorkersGateway {
  readonly admin: AdminServer<CrewView>;
  readonly feed = new Feed();
  readonly keys: Keys;
  readonly history: History;
  readonly grpc: GrpcUpstreams;
  readonly #crew: Crew;
  readonly #view: CrewView;
  readonly #places: PlacesBook;
  readonly #callers: CallerRates;
  readonly #given: GatewayPlaces;
  readonly #token: string;
  readonly #log: Log;
  #config: GatewayConfig;
  #versions: Versions = new Map();
  #ids: RequestIds;
  #key: LeftKey | undefined;
  #endSummaries = (): void => undefined;
  #draining = false;
  /** One reload after the other. */
  #reloading: Promise<unknown> = Promise.resolve();

  /** @throws ConfigError, before anything is opened */
  constructor(config: GatewayConfig, given: GatewayPlaces = {}) {
    this.#token = tokenFor(config);
    checkShares(config);
    if (config.redis !== undefined && given.redis === undefined) throw new TypeError('redis has not been opened');
    given.redis?.tellTo(this.feed);
    this.#config = config;
    this.#given = given;
    this.#log = given.log ?? SILENT;
    this.keys = new Keys(this.#token);
    this.#ids = idsOf(config, this.#log);
    this.grpc = new GrpcUpstreams(
      config.grpc,
      given.stateFolder,
      given.telemetry,
      given.redis?.limits,
      () => this.#ids,
    );
    this.#callers = new CallerRates(config);
    const count = config.workers ?? 1;
    this.#crew = new Crew({
      count,
      log: this.#log,
      feed: this.feed,
      silentMs: () => this.#config.workerSilentMs ?? WORKER_SILENT_MS,
      config: (slot) => carried(configOfWorker(this.#config, slot), this.#versions),
      demanded: (worker, demand) => this.#places.heard(worker, demand),
      taken: (takes) => this.#callers.taken(takes),
      gone: (worker) => this.#places.left(worker),
    });
    this.#places = new PlacesBook(
      count,
      (worker, grant) => this.#crew.send({ say: 'grant', grant }, worker),
      (worker) => this.#crew.told()[worker - 1]?.pid !== undefined,
    );
    const keeping = { upstreams: () => [], feed: this.feed, log: this.#log, minutes: crewRows(this.#crew) };
    this.history = historyOf(config.history, config.admin, given.stateFolder, keeping);
    const readers = new Readers();
    const failed = (error: unknown): void => this.#log.error('the admin listener failed', { error });
    const routes = [...workRoutes(readers).map((route) => this.#asked(route)), ...homeRoutes(readers)];
    this.#view = this.#viewFor(readers);
    this.admin = new AdminServer<CrewView>(this.#view, withTable(routes), failed);
  }

  /** Resolves when all workers serve. @throws ListenError when an address cannot be had; then nothing is left open */
  async start(): Promise<{ readonly data: AddressInfo; readonly admin: AddressInfo }> {
    const { listen, admin, logs, history } = this.#config;
    try {
      const data = await this.#crew.start().catch((error: unknown) => {
        // A worker says it in words: there is no more to know of it here.
        if (!(error instanceof StartError) || error.code === undefined) throw error;
        throw new ListenError('--listen', listen, error);
      });
      const at = await listening('--admin', admin, () => this.admin.listen(admin.host, admin.port));
      await this.grpc.start((each) =>
        listening(`upstreams.${each.name}.listen`, each.config.listen, () => each.listen()),
      );
      const ask = (path: string, query: string) => this.#crew.ask({ ask: 'route', path, query, body: {} });
      const snapshot = () => snapshotOf(ask, this.#view);
      this.#endSummaries = summarisingTold(logs?.summaryMs ?? 0, snapshot, this.#log);
      this.#key = leaveKey(this.#given.runtimeFolder, { host: admin.host, port: at.port }, this.#token, this.#log);
      if (this.#given.stateFolder !== undefined || history?.path !== undefined) void this.history.start();
      return { data, admin: at };
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /**
   * As of one process, by all workers at once: one that does not take it over is replaced by one that has.
   *
   * @throws ConfigError; then nothing has changed anywhere
   */
  reload(config: GatewayConfig): Promise<Reloaded> {
    const reloaded = this.#reloading.then(() => this.#reload(config));
    this.#reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  /** Not ready any more; requests under way may end, then everything is closed. */
  async stop(drainMs: number = this.#config.drainMs): Promise<void> {
    this.#tellDraining(drainMs);
    await Promise.all([this.#crew.drained(drainMs), this.grpc.close(drainMs)]);
    this.#endSummaries();
    this.#key?.remove();
    this.#key = undefined;
    await this.history.close(); // it asks workers for what they have not told
    this.admin.close();
    await this.#crew.stop(0);
    this.#places.close();
  }

  async #reload(config: GatewayConfig): Promise<Reloaded> {
    checkReload(this.#config, config);
    checkShares(config);
    rehearse(config);
    if (config.tls !== undefined) tryTls(config.tls);
    const versions = versionsAfter(this.#versions, this.#config, config);
    this.#versions = versions;
    this.#config = config;
    this.#ids = idsOf(config, this.#log);
    this.#callers.follow(config);
    this.grpc.reload(config.grpc ?? new Map(), config.drainMs, ({ name }, error) => {
      this.#log.warn('an upstream cannot listen', { name, reason: String(error) });
    });
    const [first] = await this.#crew.reload();
    this.#places.keep(versions);
    const reloaded = (first ?? { kept: [], begun: [], ended: [] }) as Reloaded;
    this.feed.tell('reloaded', undefined, reloaded);
    this.#log.info('reloaded', reloaded);
    return reloaded;
  }

  #viewFor(readers: Readers): CrewView {
    return {
      startedAt: performance.now(),
      names: () => [...this.#config.upstreams.keys()],
      keys: this.keys,
      feed: this.feed,
      history: this.history,
      grpc: this.grpc,
      reload: () => this.reload(readAgain(this.#given)),
      drain: (deadlineMs) => this.#drain(deadlineMs),
      draining: () => this.#draining,
      config: () => this.#config,
      redis: () => this.#given.redis?.told(),
      metrics: new CrewMetrics(),
      families: () =>
        homeFamilies(this.grpc, this.#draining, this.#crew.told(), this.#callers.callers, this.#given.redis?.told()),
      workers: () => this.#crew.told(),
      callers: () => this.#callers.callers,
      readers: () => ({ readers: readers.size, readersDropped: readers.dropped }),
    };
  }

  /** A route that workers answer. */
  #asked({ answer: _, ...route }: Route): Route<CrewView> {
    const { path, acts } = route;
    return {
      ...route,
      answer: async (view, ask) => {
        const question = { ask: 'route', path, query: ask.query.toString(), body: ask.body } as const;
        const parts = await this.#crew.ask(question, acts ? ACT_MS : ANSWER_MS);
        return TOGETHER.get(path)!.whole(parts, view, ask);
      },
    };
  }

  async #drain(deadlineMs: number): Promise<number> {
    this.#tellDraining(deadlineMs);
    void this.grpc.close(deadlineMs);
    return this.#crew.drain(deadlineMs);
  }

  #tellDraining(deadlineMs: number): void {
    if (this.#draining) return;
    this.#draining = true;
    this.feed.tell('draining', undefined, { deadlineMs });
    this.#log.info('draining', { deadlineMs });
  }
}

/** @throws ConfigError for a certificate and a key that a listener would not take */
function tryTls(tls: NonNullable<GatewayConfig['tls']>): void {
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new ConfigError('tls', `cannot be used: ${error instanceof Error ? error.message : error}`);
  }
}
