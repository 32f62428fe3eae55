/** Small parts that several pages use. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { colour } from './colour.ts';
import { prepared } from './life-line.ts';

interface TileProps {
  readonly title: string;
  readonly figure: ComponentChildren;
  readonly bad?: boolean;
  readonly small?: string;
  readonly children?: ComponentChildren;
}

/** One figure with its name, and a sentence about it. */
export const Tile = ({ title, figure, bad = false, small, children }: TileProps) => (
  <article class="tile">
    <h3>{title}</h3>
    <p class={bad ? 'figure bad' : 'figure'}>
      {figure}
      {small === undefined ? null : <small>{small}</small>}
    </p>
    <p class="note">{children}</p>
  </article>
);

interface ChoicesProps<T extends string> {
  readonly label: string;
  readonly of: readonly T[];
  readonly chosen: T;
  readonly choose: (value: T) => void;
}

/** One of a few, as buttons. */
export const Choices = <T extends string>({ label, of, chosen, choose }: ChoicesProps<T>) => (
  <fieldset class="filters" aria-label={label}>
    {of.map((value) => (
      <button
        type="button"
        key={value}
        aria-pressed={value === chosen ? 'true' : 'false'}
        onClick={() => choose(value)}
      >
        {value}
      </button>
    ))}
  </fieldset>
);

/** One upstream of several, or all; nothing where there is no choice. */
export const UpstreamChoice = ({ of, chosen, choose }: Omit<ChoicesProps<string>, 'label'>) =>
  of.length < 2 ? null : (
    <label class="pick">
      <span>upstream</span>
      <select value={chosen} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        <option value="">all</option>
        {of.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );

interface GaugeProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  /** Kept free for those who lost theirs. */
  readonly reserve?: number;
  readonly bad?: boolean;
  /** To be full is as it should be. */
  readonly calm?: boolean;
}

/** How much of a limit is used. */
export function Gauge({ label, value, max, reserve = 0, bad = false, calm = false }: GaugeProps) {
  const share = (part: number): string => `${Math.min(100, max === 0 ? 0 : (part / max) * 100)}%`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <meter> can be neither coloured nor given a reserve
    <span
      class={bad || (value >= max && !calm) ? 'gauge full' : 'gauge'}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(value, max)}
    >
      <i style={{ width: share(value) }} />
      {reserve > 0 ? <b style={{ width: share(reserve) }} title={`${reserve} kept for reconnects`} /> : null}
    </span>
  );
}

/** Seconds drawn. */
const SECONDS = 120;

interface TrailProps {
  /** A count per second, the last one at the right. */
  readonly trail: readonly number[];
  /** What the full height stands for. */
  readonly largest: number;
  readonly label: string;
}

/** A bar per second of the last two minutes. On a canvas: fifty endpoints would be six thousand elements. */
export function Trail({ trail, largest, label }: TrailProps) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const canvas = ref.current;
    const context = canvas === null ? undefined : prepared(canvas);
    if (canvas === null || context === undefined) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    context.fillStyle = colour('warm');
    const step = width / SECONDS;
    const missing = SECONDS - trail.length;
    for (const [i, count] of trail.entries()) {
      const tall = count === 0 ? 0 : Math.max(2, (count / Math.max(1, largest)) * height);
      context.fillRect((missing + i) * step, height - tall, Math.max(step - 0.3, 0.7), tall);
    }
  });
  return <canvas class="trail" ref={ref} role="img" aria-label={label} />;
}

/** What there is instead of figures when there are none. */
export const Empty = ({ children }: { readonly children: ComponentChildren }) => <p class="empty panel">{children}</p>;
