/** The limits of a call's steps: the client's, with what the call sets for itself. */
import type { StepLimits } from '../core/call.ts';
import { invalid, show } from './options.ts';

/** @throws NetError `INVALID` naming the limit that is not acceptable */
export function limitsOf(options: Partial<StepLimits>, limits: StepLimits): StepLimits {
  const { queueMs, firstByteMs, betweenBytesMs, bodyBytesMax } = options;
  if (
    queueMs === undefined &&
    firstByteMs === undefined &&
    betweenBytesMs === undefined &&
    bodyBytesMax === undefined
  ) {
    return limits;
  }
  return {
    queueMs: positive('queueMs', queueMs ?? limits.queueMs),
    firstByteMs: positive('firstByteMs', firstByteMs ?? limits.firstByteMs),
    betweenBytesMs: positive('betweenBytesMs', betweenBytesMs ?? limits.betweenBytesMs),
    bodyBytesMax: positive('bodyBytesMax', bodyBytesMax ?? limits.bodyBytesMax),
  };
}

/** @throws NetError `INVALID` */
export function positive(name: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value;
  throw invalid(`${name} is ${show(value)}; allowed: a number above 0, or Infinity`);
}
