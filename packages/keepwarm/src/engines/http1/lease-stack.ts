/** Where a call was made, for leak reports. */

/** Frames kept: between a call and its caller's code lie a few for each policy, and ten would hold nothing else. */
const FRAMES_MAX = 64;

export function leaseStack(): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES_MAX;
  const { stack } = new Error('leased here');
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}
