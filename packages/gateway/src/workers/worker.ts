/**
 * One of several processes that do the work: it serves callers as a gateway does, and is told by the home process what
 * to serve, what of the limits it has, and when to end. It has no listener but that for callers.
 *
 *   hello ──start──▶ listening ──stop, or SIGTERM──▶ draining ──▶ gone
 *
 * When the home process is gone, so is this one: Node ends it with the channel.
 */
import { Keys, made } from '../admin/keys.ts';
import { gatewayMetrics } from '../admin/metrics.ts';
import { Refused } from '../admin/route.ts';
import type { AdminView } from '../admin/view.ts';
import { telemetryFor } from '../command/telemetry.ts';
import { HISTORY_DEFAULTS } from '../config/history.ts';
import { LOGS_DEFAULTS } from '../config/logs.ts';
import { partOf, type Slot } from '../config/shares.ts';
import type { FeedEvent } from '../figures/feed.ts';
import { GrpcUpstreams } from '../grpc/upstreams.ts';
import { Minutes } from '../history/minute.ts';
import { historyOf } from '../history/open.ts';
import { type Log, logTo, logWith } from '../logs/log.ts';
import { openRedis, type RedisConnection } from '../redis/connection.ts';
import { Serving } from '../serving.ts';
import { CallerRatesAsked } from './caller-rates.ts';
import { arrived, type CarriedConfig, versionOf } from './carried.ts';
import { PlacesHere } from './places-here.ts';
import { TOGETHER } from './together/all.ts';
import type { FromWorker, Question, ToWorker } from './words.ts';

/** Those of the whole gateway are told at home. */
const OF_HOME: ReadonlySet<string> = new Set(['action', 'reloaded', 'draining']);

export class Worker {
  readonly #say: (word: FromWorker) => void;
  readonly #end: () => void;
  readonly #minutes = new Minutes();
  readonly #places: PlacesHere;
  readonly #callers: CallerRatesAsked;
  #redis: RedisConnection | undefined;
  #serving: Serving | undefined;
  #view: AdminView | undefined;
  #slot: Slot = { slot: 0, count: 1 };
  #log: Log | undefined;
  #ending = false;
  /** What is asked before there is something to ask waits. */
  #started: Promise<void> = Promise.resolve();

  /** @param end called once nothing is left to be done */
  constructor(say: (word: FromWorker) => void, end: () => void) {
    this.#say = say;
    this.#end = end;
    this.#places = new PlacesHere(
      (demand) => say({ say: 'demand', demand }),
      (pause) => say({ say: 'paused', pause }),
    );
    this.#callers = new CallerRatesAsked((takes) => say({ say: 'takes', takes }));
  }

  hear(word: ToWorker): void {
    if (word.say === 'start') this.#started = this.#start(word.slot, word.config, word.late);
    else if (word.say === 'ask') void this.#started.then(() => this.#answer(word.id, word.question));
    else if (word.say === 'grant') this.#places.granted(word.grant);
    else if (word.say === 'pause') this.#places.pause(word.pause);
    else if (word.say === 'taken') this.#callers.heard(word.afterMs);
    else if (word.say === 'sample') this.#minutes.sample(this.#serving?.upstreams ?? []);
    else void this.#started.then(() => this.stop(word.deadlineMs));
  }

  /** What is under way has so long, or less if that has been said before. */
  async stop(deadlineMs: number = this.#serving?.config.drainMs ?? 0): Promise<void> {
    const serving = this.#serving;
    if (serving === undefined) return this.#end();
    const drained = serving.data.drain(deadlineMs);
    if (this.#ending) return drained;
    this.#ending = true;
    await drained;
    this.#places.close();
    await serving.close();
    this.#redis?.close();
    this.#end();
  }

  async #start(slot: Slot, config: CarriedConfig, late: boolean): Promise<void> {
    try {
      const given = arrived(config);
      this.#slot = slot;
      this.#log = logWith(logTo(process.stderr, given.logs ?? LOGS_DEFAULTS), { worker: slot.slot + 1 });
      const redis = await openRedis(given.redis, this.#log, slot.count);
      this.#redis = redis;
      const serving = new Serving(given, { log: this.#log, telemetry: await telemetryFor(this.#log), redis });
      this.#serving = serving;
      this.#view = viewOf(serving, redis);
      serving.feed.listen((event) => this.#tell(event));
      redis?.tellTo(serving.feed);
      // Beyond its share of callersMax it closes connections, as one process would: it does not pass them on and on.
      Object.assign(serving.data.server, { dropMaxConnection: true });
      this.#follow(config, late);
      this.#say({ say: 'listening', address: await serving.listen() });
      serving.warmUp();
    } catch (error) {
      const { message, code } = error as Error & { readonly code?: string };
      this.#say({ say: 'failed', message, code });
    }
  }

  #follow({ versions }: CarriedConfig, late: boolean): void {
    const part = (limit: number): number => (late ? 0 : partOf(limit, this.#slot));
    this.#callers.follow(this.#serving!.upstreams);
    // What comes and goes has its part of its limits for good: places move between those that all workers have.
    this.#places.follow(this.#serving!.lasting, (name) => versionOf(versions, name), part);
  }

  #tell({ id: _, at: __, kind, upstream, ...fields }: FeedEvent): void {
    if (!OF_HOME.has(kind)) this.#say({ say: 'event', kind, upstream, fields });
  }

  async #answer(id: number, question: Question): Promise<void> {
    try {
      this.#say({ say: 'answer', id, told: await this.#told(question) });
    } catch (error) {
      if (!(error instanceof Refused)) this.#log?.error('a worker could not answer', { ask: question.ask, error });
      const refused = error instanceof Refused ? error : new Refused(500, 'INTERNAL', 'this failed; the log says why');
      const { status, code, message } = refused;
      this.#say({ say: 'refused', id, refusal: { status, code, message } });
    }
  }

  #told(question: Question): unknown {
    const [serving, view] = [this.#serving, this.#view];
    if (serving === undefined || view === undefined)
      throw new Refused(503, 'WORKERS', 'this worker does not serve yet');
    if (question.ask === 'rows') return this.#minutes.take(serving.upstreams, question.at, question.seconds);
    if (question.ask === 'drain') {
      const drained = serving.data.drain(question.deadlineMs);
      return question.wait ? drained.then(() => 0) : serving.data.inFlight;
    }
    if (question.ask === 'reload') {
      const reloaded = serving.reload(arrived(question.config));
      this.#follow(question.config, false);
      return reloaded;
    }
    const { path, query, body } = question;
    return TOGETHER.get(path)!.part(view, { query: new URLSearchParams(query), headers: {}, body });
  }
}

/** What its routes see; what there is at home only is not asked of it. */
function viewOf(serving: Serving, redis: RedisConnection | undefined): AdminView {
  const { data, feed, calls } = serving;
  const grpc = new GrpcUpstreams();
  const upstreams = () => serving.upstreams;
  const atHome = (): never => {
    throw new Refused(409, 'WORKERS', 'this is done at home');
  };
  return {
    startedAt: performance.now(),
    names: () => serving.upstreams.map(({ name }) => name),
    keys: new Keys(made()),
    history: historyOf({ ...HISTORY_DEFAULTS, on: false }, serving.config.admin, undefined, {
      upstreams,
      feed,
      log: logTo(process.stderr, LOGS_DEFAULTS),
    }),
    metrics: gatewayMetrics(data, upstreams, undefined, () => redis?.told()),
    redis: () => redis?.told(),
    draining: () => data.draining,
    config: () => serving.config,
    ...{ feed, calls, data, upstreams, grpc, reload: atHome, drain: atHome },
  };
}
