/** Whether somebody still listens to a signal: what nobody unlistens is kept for as long as the signal lives. */
import { getEventListeners } from 'node:events';
import { type Abortable, listen, unlisten } from '../../src/core/abort.ts';

/** Signals that nobody listens to may keep their listener for the next call: more of them than may, and all go. */
const QUIET = 65;

export function isHeard(signal: AbortSignal): boolean {
  const party: Abortable = { aborted: () => undefined };
  for (let i = 0; i < QUIET; i++) {
    const other = new AbortController().signal;
    listen(other, party);
    unlisten(other, party);
  }
  return getEventListeners(signal, 'abort').length > 0;
}
