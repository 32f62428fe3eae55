/** Every connection as a line of life. Only the part of the list that is in view is asked for, and exists. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SocketOfUpstream, SocketsTold } from '../../admin/sockets.ts';
import { useLive, usePolled } from '../data/hooks.ts';
import { Choices, Empty, UpstreamChoice } from '../parts/bits.tsx';
import { age, byWorker, millis, whole } from '../parts/format.ts';
import { drawLife } from '../parts/life-line.ts';
import { Virtual } from '../parts/virtual.tsx';
import { SocketDetails } from './socket-details.tsx';

const STATES = ['open', 'in use', 'idle', 'closed'] as const;
const ORDERS = ['oldest', 'newest', 'busiest'] as const;
/** Rows asked for at once, and by how many that moves when the list is scrolled. */
const PAGE = 150;
const STEP = 50;

export const keyOf = ({ upstream, id, worker = 0 }: SocketOfUpstream): string => `${upstream}-${worker}-${id}`;
const openingOf = ({ dnsMs, tcpMs, tlsMs }: SocketOfUpstream): number => dnsMs + tcpMs + tlsMs;

export function SocketsPage() {
  const { snapshot } = useLive();
  const [state, setState] = useState<(typeof STATES)[number]>('open');
  const [order, setOrder] = useState<(typeof ORDERS)[number]>('oldest');
  const [upstream, setUpstream] = useState('');
  const [offset, setOffset] = useState(0);
  const [chosen, choose] = useState<{ key: string; socket: SocketOfUpstream | undefined }>();
  const filter = new URLSearchParams({ state, order, ...(upstream === '' ? {} : { upstream }) });
  const told = usePolled<SocketsTold>(`api/sockets?${filter}&limit=${PAGE}&offset=${offset}`);
  useEffect(() => setOffset(0), [state, order, upstream]);
  const { sockets = [], total = 0, offset: from = 0 } = told.value ?? {};
  const fresh = sockets.find((socket) => keyOf(socket) === chosen?.key);
  // A row that was gone to by key before it was told: it is the one there now.
  const waiting = /^row (\d+)$/.exec(chosen?.key ?? '')?.[1];
  const arrived = waiting === undefined ? undefined : sockets[Number(waiting) - from];
  useEffect(() => {
    if (arrived !== undefined) choose({ key: keyOf(arrived), socket: arrived });
  }, [arrived]);
  const scaleMs = roundScale(Math.max(1, ...sockets.map(openingOf)));
  const names = snapshot?.upstreams.map(({ name }) => name) ?? [];
  return (
    <section aria-labelledby="sockets-title">
      <div class="bar">
        <h2 class="section" id="sockets-title">
          Sockets <span class="aside">{countsOf(snapshot?.upstreams ?? [])}</span>
        </h2>
        <Choices label="Show" of={STATES} chosen={state} choose={setState} />
        <UpstreamChoice of={names} chosen={upstream} choose={setUpstream} />
        <Choices label="Order" of={ORDERS} chosen={order} choose={setOrder} />
        <Legend />
      </div>
      {told.problem === undefined ? null : <p class="problem">Not fresh: {told.problem}</p>}
      {told.value !== undefined && total === 0 ? (
        <Empty>{state === 'open' ? 'No connection is open.' : `No socket is ${state} right now.`}</Empty>
      ) : (
        <div class="sockets panel">
          <Head scaleMs={scaleMs} />
          <Virtual
            label={`Sockets that are ${state}, ${order} first`}
            total={total}
            at={(i) => sockets[i - from]}
            keyOf={keyOf}
            kindOf={(socket) => socket.state}
            describe={describe}
            row={(socket) => <Cells socket={socket} scaleMs={scaleMs} slotMs={snapshot?.trailSlotMs ?? 2_000} />}
            selected={chosen?.key ?? ''}
            select={(key, socket) => choose(key === '' ? undefined : { key, socket })}
            onView={(first) => setOffset(Math.max(0, Math.floor(first / STEP) * STEP - STEP))}
          />
        </div>
      )}
      <SocketDetails socket={fresh ?? chosen?.socket} />
    </section>
  );
}

type Counted = readonly { readonly sockets: { readonly open: number; readonly closed: number } }[];

function countsOf(upstreams: Counted): string {
  const sum = (read: (each: Counted[number]) => number) => upstreams.reduce((all, each) => all + read(each), 0);
  const [open, closed] = [sum(({ sockets }) => sockets.open), sum(({ sockets }) => sockets.closed)];
  return `${whole(open)} open, ${whole(closed)} closed since the start`;
}

const Legend = () => (
  <ul class="legend" aria-label="Colours">
    <li class="dns">name lookup</li>
    <li class="tcp">TCP</li>
    <li class="tls">TLS</li>
    <li class="use">in use</li>
    <li class="idle">idle</li>
  </ul>
);

const Head = ({ scaleMs }: { readonly scaleMs: number }) => (
  <div class="row head" aria-hidden="true">
    <span>socket</span>
    <span>state</span>
    <span>opening, 0 to {millis(scaleMs)}</span>
    <span class="axis">
      <span>2 min ago</span>
      <span>1 min</span>
      <span>now</span>
    </span>
    <span class="number">calls</span>
    <span class="number">age</span>
  </div>
);

interface CellsProps {
  readonly socket: SocketOfUpstream;
  /** What the full width of an opening stands for. */
  readonly scaleMs: number;
  readonly slotMs: number;
}

function Cells({ socket, scaleMs, slotMs }: CellsProps) {
  const { dnsMs, tcpMs, tlsMs, nowMs, sinceMs, openedAtMs, trail, leases, upstream, id, worker } = socket;
  const canvas = useRef<HTMLCanvasElement>(null);
  const closed = socket.state === 'closed';
  useEffect(() => {
    if (canvas.current === null) return;
    const [openedAgoMs, closedAgoMs] = [nowMs - openedAtMs, closed ? nowMs - sinceMs : undefined];
    drawLife(canvas.current, { openedAgoMs, closedAgoMs, openingMs: openingOf(socket), trail, slotMs });
  });
  const words = `lookup ${millis(dnsMs)}, TCP ${millis(tcpMs)}, TLS ${millis(tlsMs)}`;
  const phases = [
    ['dns', dnsMs],
    ['tcp', tcpMs],
    ['tls', tlsMs],
  ] as const;
  return (
    <>
      <span class="name">
        {upstream} {id}
        {byWorker(worker)}
      </span>
      <span class="state">{stateOf(socket)}</span>
      <span class="opening" title={words}>
        {phases.map(([kind, ms]) => (
          <i key={kind} class={kind} style={{ width: `${(ms / scaleMs) * 100}%` }} />
        ))}
      </span>
      <span class="life">
        <canvas ref={canvas} />
      </span>
      <span class="number calls">{whole(leases)}</span>
      <span class="number age">{age(ageOf(socket))}</span>
    </>
  );
}

const stateOf = ({ state, closeReason }: SocketOfUpstream): string =>
  state === 'closed' ? `closed: ${closeReason}` : state;

const ageOf = ({ state, sinceMs, nowMs, openedAtMs }: SocketOfUpstream): number =>
  (state === 'closed' ? sinceMs : nowMs) - openedAtMs;

const describe = (socket: SocketOfUpstream): string =>
  `socket ${socket.id} of ${socket.upstream}${byWorker(socket.worker)}, ${stateOf(socket)}, ` +
  `opened in ${millis(openingOf(socket))}, ${socket.leases} calls, age ${age(ageOf(socket))}`;

/** The next of 1, 2, 5, 10, … so that the scale does not change with every socket. */
function roundScale(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  return power * (ms <= power ? 1 : ms <= 2 * power ? 2 : ms <= 5 * power ? 5 : 10);
}
