/**
 * What is known of the row one has chosen, below the list it is of. Not read out by itself: the list has said which row
 * it is, and ages in here change every second.
 */
import type { ComponentChildren } from 'preact';

interface DetailsProps<T> {
  /** Nothing while none is chosen. */
  readonly of: T | undefined;
  readonly children: (chosen: T) => ComponentChildren;
}

export const Details = <T,>({ of, children }: DetailsProps<T>) => (
  <aside class="details panel" aria-label="Details" hidden={of === undefined}>
    {of === undefined ? null : children(of)}
  </aside>
);
