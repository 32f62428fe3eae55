/** Colours of the style sheet for what is drawn on a canvas, read once for light and once for dark. */

export type ColourName =
  | 'idle'
  | 'warm'
  | 'tls'
  | 'tcp'
  | 'dns'
  | 'closed'
  | 'bad'
  | 'good'
  | 'text'
  | 'quiet'
  | 'edge';

const known = new Map<ColourName, string>();
const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', () => known.clear());

export function colour(name: ColourName): string {
  let value = known.get(name);
  if (value === undefined) {
    // A variable holds both colours; only a property that is shown says which it is.
    const probe = document.createElement('i');
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    value = getComputedStyle(probe).color;
    probe.remove();
    known.set(name, value);
  }
  return value;
}

/** @returns how to stop being told of changes between light and dark */
export function onScheme(changed: () => void): () => void {
  dark.addEventListener('change', changed);
  return () => dark.removeEventListener('change', changed);
}
