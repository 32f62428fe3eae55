/** What is known of the row one has chosen, beside the list it is of. */
import type { ComponentChildren } from 'preact';

interface DetailsProps<T> {
  /** Nothing while none is chosen. */
  readonly of: T | undefined;
  readonly children: (chosen: T) => ComponentChildren;
}

export const Details = <T,>({ of, children }: DetailsProps<T>) => (
  <aside class="details panel" aria-live="polite" hidden={of === undefined}>
    {of === undefined ? null : children(of)}
  </aside>
);
