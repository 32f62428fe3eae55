/** The judge: two outcomes of the same bytes, and whether they are as they should be. */
import { DELIBERATE, type Deliberate, type Disagreement } from './deliberate.ts';
import { readLlhttp } from './llhttp.ts';
import { readOurs } from './ours.ts';
import { difference, type Outcome } from './outcome.ts';

export interface Verdict {
  readonly ours: Outcome;
  readonly theirs: Outcome;
  readonly disagreement: Disagreement;
  /** The listed reason why they may disagree; without one, a disagreement is a failure. */
  readonly deliberate: Deliberate | undefined;
}

export function compare(bytes: Buffer, method: string): Verdict {
  const ours = readOurs(bytes, method);
  const theirs = readLlhttp(bytes, method, ours.kind === 'whole' ? ours.end : 0);
  const disagreement = disagreementOf(ours, theirs);
  const deliberate = DELIBERATE.find((rule) => rule.disagreement === disagreement && rule.covers(ours, bytes, method));
  return { ours, theirs, disagreement, deliberate };
}

function disagreementOf(ours: Outcome, theirs: Outcome): Disagreement {
  if (ours.kind === 'whole' && theirs.kind === 'whole') {
    const part = difference(ours, theirs);
    return part === '' ? '' : `another ${part}`;
  }
  if (ours.kind === theirs.kind) return '';
  if (ours.kind === 'refused') return 'we refuse';
  if (theirs.kind === 'refused') return ours.kind === 'whole' ? 'we accept' : 'we still wait';
  return ours.kind === 'whole' ? 'we end earlier' : 'we end later';
}

/** Whether a response cut into pieces came out as it did uncut. */
export function same(a: Outcome, b: Outcome): boolean {
  if (a.kind === 'whole') return b.kind === 'whole' && difference(a, b) === '';
  if (a.kind === 'refused') return b.kind === 'refused' && a.why === b.why;
  return b.kind === 'partial';
}
