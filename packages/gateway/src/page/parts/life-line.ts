/** One socket's last two minutes on a canvas: thin while it is open, thicker the busier it was, its end marked. */
import { colour } from './colour.ts';

const WINDOW_MS = 120_000;
const IDLE_PX = 2;

export interface Life {
  readonly openedAgoMs: number;
  /** Nothing while it is open. */
  readonly closedAgoMs: number | undefined;
  readonly openingMs: number;
  readonly trail: string;
  readonly slotMs: number;
}

/** Makes a canvas as large as it is shown, and empties it. */
export function prepared(canvas: HTMLCanvasElement): CanvasRenderingContext2D | undefined {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  if (context === null || width === 0) return undefined;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export function drawLife(canvas: HTMLCanvasElement, life: Life): void {
  const { openedAgoMs, closedAgoMs, openingMs } = life;
  const context = prepared(canvas);
  if (context === undefined) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const middle = height / 2;
  const x = (agoMs: number): number => width * (1 - Math.min(agoMs, WINDOW_MS) / WINDOW_MS);
  const from = x(openedAgoMs);
  const to = x(closedAgoMs ?? 0);
  context.fillStyle = colour('idle');
  context.fillRect(from, middle - IDLE_PX / 2, Math.max(to - from, 1), IDLE_PX);
  drawUse(context, life, { from, to, middle, height, x });
  if (openedAgoMs < WINDOW_MS) {
    context.fillStyle = colour('tls');
    context.fillRect(from - Math.max(1.5, x(openedAgoMs) - x(openedAgoMs + openingMs)), middle - 5, 2.5, 10);
  }
  if (closedAgoMs !== undefined && closedAgoMs < WINDOW_MS) {
    context.fillStyle = colour('closed');
    context.beginPath();
    context.arc(to, middle, 3, 0, 2 * Math.PI);
    context.fill();
  }
}

interface Shape {
  /** Where the life begins and ends, in pixels. */
  readonly from: number;
  readonly to: number;
  readonly middle: number;
  readonly height: number;
  readonly x: (agoMs: number) => number;
}

function drawUse(context: CanvasRenderingContext2D, { trail, slotMs }: Life, shape: Shape): void {
  const { from, to, middle, height, x } = shape;
  context.fillStyle = colour('warm');
  for (let i = 0; i < trail.length; i++) {
    const digit = trail.charCodeAt(i) - 48;
    if (digit <= 0) continue;
    const left = Math.max(from, x((trail.length - i) * slotMs));
    const right = Math.min(to, x((trail.length - i - 1) * slotMs));
    if (right <= left) continue;
    const thick = IDLE_PX + 2 + ((height - 6 - IDLE_PX) * digit) / 9;
    context.beginPath();
    context.roundRect(left, middle - thick / 2, Math.max(right - left - 0.5, 1), thick, 1.5);
    context.fill();
  }
}
