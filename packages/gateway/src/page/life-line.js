/** One socket's last two minutes on a canvas: thin while it is open, thicker the busier it was, its end marked. */

const WINDOW_MS = 120_000;
const IDLE_PX = 2;

/** Colours by name, read from the style sheet once per theme. @type {Map<string, string>} */
const colours = new Map();

/** After a change between dark and light. */
export const forgetColours = () => colours.clear();

/** @param {string} name */
function colour(name) {
  let value = colours.get(name);
  if (value === undefined) {
    const probe = document.createElement('i');
    probe.className = `colour-${name}`;
    probe.hidden = true;
    document.body.append(probe);
    value = getComputedStyle(probe).color;
    probe.remove();
    colours.set(name, value);
  }
  return value;
}

/**
 * @typedef {object} Life
 * @property {number} openedAgoMs
 * @property {number | undefined} closedAgoMs nothing while it is open
 * @property {number} openingMs
 * @property {string} trail
 * @property {number} slotMs
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Life} life
 */
export function drawLife(canvas, { openedAgoMs, closedAgoMs, openingMs, trail, slotMs }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  if (context === null || width === 0) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const middle = height / 2;
  /** @param {number} agoMs */
  const x = (agoMs) => width * (1 - Math.min(agoMs, WINDOW_MS) / WINDOW_MS);
  const from = x(openedAgoMs);
  const to = x(closedAgoMs ?? 0);
  context.fillStyle = colour('idle');
  context.fillRect(from, middle - IDLE_PX / 2, Math.max(to - from, 1), IDLE_PX);
  drawUse(context, { trail, slotMs, from, to, middle, height, x });
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

/**
 * @typedef {object} Shape
 * @property {string} trail
 * @property {number} slotMs
 * @property {number} from where the life begins, in pixels
 * @property {number} to
 * @property {number} middle
 * @property {number} height
 * @property {(agoMs: number) => number} x
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 */
function drawUse(context, { trail, slotMs, from, to, middle, height, x }) {
  context.fillStyle = colour('use');
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
