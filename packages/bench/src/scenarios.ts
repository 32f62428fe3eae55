/** What is measured. The names are what `--only` picks from. */

import { CALLERS } from './clients/index.ts';
import { GRPC_SCENARIOS, type GrpcScenario } from './grpc/scenarios.ts';
import type { Plan } from './runner.ts';
import type { Size } from './server/replies.ts';
import type { RpcHead } from './server/rpc-server.ts';
import { firstOfEachKind, TRIAL, TRIAL_NAMES } from './trial.ts';

export interface CallScenario {
  readonly kind: 'calls';
  readonly name: string;
  readonly origin: 'http' | 'tls' | 'tlsFull' | 'h2';
  readonly reply: Size | 'upload' | 'connect';
  readonly inFlight: number;
  /** Length of the call's body, where it is not the usual one. */
  readonly bodyBytes?: number;
  readonly clients: readonly string[];
  /** Whether wrk takes part. */
  readonly wrk: boolean;
  readonly plan: Plan;
}

/** Scenarios with a shape of their own; each has a file of this name. */
export interface OtherScenario {
  readonly kind:
    | 'h2-delay'
    | 'memory'
    | 'allocation'
    | 's2'
    | 'gateway'
    | 'gateway-half-load'
    | 'gateway-idle'
    | 'grpc-idle';
  readonly name: string;
}

export interface JsonRpcScenario {
  readonly kind: 'jsonrpc';
  readonly name: string;
  readonly head: RpcHead;
  readonly inFlight: number;
}

export type Scenario = CallScenario | GrpcScenario | JsonRpcScenario | OtherScenario;

const IN_FLIGHT: Readonly<Record<Size, readonly number[]>> = {
  '100B': [1, 10, 50, 200],
  '10KB': [1, 10, 50, 200],
  '1MB': [1, 10, 50],
};

/** The five that `--quick` runs, within 50 s together. */
const QUICK = ['http-100B-1', 'http-100B-50', 'tls-100B-50', 'http-10KB-50', 'http-1MB-10'];

/** Contestants where time is short: who is left out sits on top of one who is not, and was never faster. */
const FEW_CLIENTS = ['keepwarm', 'keepwarm fetch', 'undici.dispatch', 'undici.request', 'global fetch', 'node:http'];

/** A second of warm-up: `undici.request` was seen to reach its final rate after 0.9 s, `node:http` after 0.8 s. */
const FULL: Plan = {
  warmMs: 1_000,
  warmAgainMs: 300,
  leadMs: 40,
  sliceMs: 300,
  roundsMin: 3,
  roundsMax: 10,
  budgetMs: 20_000,
};
const BRIEF: Plan = { ...FULL, warmMs: 800, leadMs: 25, sliceMs: 180, roundsMax: 4, budgetMs: 5_500 };

/** A connection ended by the server keeps its port busy for a minute, so these stay short. */
const CONNECT_CLIENTS = ['keepwarm', 'undici.request', 'global fetch', 'node:http'];
const CONNECT: Plan = { ...FULL, warmMs: 300, leadMs: 20, sliceMs: 200, roundsMax: 5, budgetMs: 6_000 };

function calls(quick: boolean): CallScenario[] {
  const all: CallScenario[] = [];
  for (const origin of ['http', 'tls'] as const) {
    for (const reply of ['100B', '10KB', '1MB'] as const) {
      for (const inFlight of IN_FLIGHT[reply]) {
        const plan = planFor(reply, quick);
        const name = `${origin}-${reply}-${inFlight}`;
        // 50 replies of 1 MB take most of a second each time a slice begins and ends.
        const slow = reply === '1MB' && inFlight === 50;
        const clients = quick || slow ? FEW_CLIENTS : CALLERS;
        all.push({ kind: 'calls', name, origin, reply, inFlight, clients, wrk: true, plan });
      }
    }
  }
  return all;
}

/** Layers on and off in one run: what the policies that are on by default cost, and two more. */
function layers(quick: boolean): CallScenario[] {
  const clients = ['keepwarm', 'keepwarm bare', 'keepwarm limited'];
  const shared = { kind: 'calls', origin: 'http', reply: '100B', clients, wrk: false } as const;
  return [{ ...shared, name: 'layers-100B-50', inFlight: 50, plan: planFor('100B', quick) }];
}

/** A reply of 1 MB takes milliseconds, so a slice of as few as 50 calls must last longer to say anything. */
function planFor(reply: Size, quick: boolean): Plan {
  const plan = quick ? BRIEF : FULL;
  return reply === '1MB' ? { ...plan, sliceMs: plan.sliceMs * 2 } : plan;
}

function connects(): CallScenario[] {
  const shared = {
    kind: 'calls',
    reply: 'connect',
    inFlight: 1,
    clients: CONNECT_CLIENTS,
    wrk: false,
    plan: CONNECT,
  } as const;
  return [
    { ...shared, name: 'connect-http', origin: 'http' },
    { ...shared, name: 'connect-tls-resumed', origin: 'tls' },
    { ...shared, name: 'connect-tls-full', origin: 'tlsFull' },
  ];
}

/** In the order of the table: ours, the peers over HTTP/2, then each drop-in before what it stands in for. */
const H2_CLIENTS = [
  'keepwarm h2',
  'keepwarm h1',
  'node:http2 by hand',
  'undici h2',
  'got http2',
  'undici.fetch over keepwarm',
  'undici.fetch h2',
  'node:https over keepwarm',
  'node:https',
];
const H2: Plan = { ...FULL, budgetMs: 24_000 };
const MEGABYTE = 1_048_576;

function http2(quick: boolean): CallScenario[] {
  const plan = quick ? BRIEF : H2;
  const shared = { kind: 'calls', origin: 'h2', clients: H2_CLIENTS, wrk: false, plan } as const;
  const large = { ...shared, inFlight: 10, plan: { ...plan, sliceMs: plan.sliceMs * 2 } };
  return [
    ...[1, 50, 200].map(
      (inFlight): CallScenario => ({ ...shared, name: `h2-tls-100B-${inFlight}`, reply: '100B', inFlight }),
    ),
    { ...large, name: 'h2-tls-1MB-down', reply: '1MB' },
    { ...large, name: 'h2-tls-1MB-up', reply: 'upload', bodyBytes: MEGABYTE },
  ];
}

/** Each drop-in beside what it stands in for, over HTTP/1.1, with small bodies and bodies of 1 MB. */
const DROP_INS = ['undici.fetch h1 over keepwarm', 'undici.fetch h1', 'node:https over keepwarm', 'node:https'];

function dropIns(quick: boolean): CallScenario[] {
  const shared = { kind: 'calls', clients: DROP_INS, wrk: false } as const;
  const small = { ...shared, reply: '100B', plan: planFor('100B', quick) } as const;
  const large = { ...shared, inFlight: 10, plan: planFor('1MB', quick) } as const;
  return (['http', 'tls'] as const).flatMap((origin): CallScenario[] => [
    ...[1, 50, 200].map(
      (inFlight): CallScenario => ({ ...small, name: `drop-in-${origin}-100B-${inFlight}`, origin, inFlight }),
    ),
    { ...large, name: `drop-in-${origin}-1MB-down`, origin, reply: '1MB' },
    { ...large, name: `drop-in-${origin}-1MB-up`, origin, reply: 'upload', bodyBytes: MEGABYTE },
  ]);
}

/** @param only names, or parts that stand for every name they are found in; overrides the choice of --quick */
export function scenarios(only: readonly string[], quick: boolean): Scenario[] {
  const all: Scenario[] = [
    ...calls(quick),
    ...layers(quick),
    ...connects(),
    ...http2(quick),
    ...dropIns(quick),
    { kind: 'h2-delay', name: 'h2-delay' },
    { kind: 'memory', name: 'memory-http' },
    { kind: 'memory', name: 'memory-tls' },
    { kind: 'allocation', name: 'allocation' },
    { kind: 's2', name: 's2' },
    { kind: 'jsonrpc', name: 'jsonrpc', head: 'node', inFlight: 50 },
    { kind: 'jsonrpc', name: 'jsonrpc-200', head: 'node', inFlight: 200 },
    { kind: 'jsonrpc', name: 'jsonrpc-edge', head: 'edge', inFlight: 50 },
    { kind: 'gateway', name: 'gateway-100B-50' },
    { kind: 'gateway-half-load', name: 'gateway-half-load' },
    { kind: 'gateway-idle', name: 'gateway-idle-10k' },
    ...GRPC_SCENARIOS,
    { kind: 'grpc-idle', name: 'grpc-idle-cleartext' },
    { kind: 'grpc-idle', name: 'grpc-idle-tls' },
  ];
  const known = new Set(all.map(({ name }) => name));
  const named = only.length > 0 || quick ? only : TRIAL_NAMES;
  if (named.length > 0) {
    return all.filter(({ name }) => named.some((part) => (known.has(part) ? name === part : name.includes(part))));
  }
  if (quick) return all.filter(({ name }) => QUICK.includes(name));
  return TRIAL ? firstOfEachKind(all) : all;
}
