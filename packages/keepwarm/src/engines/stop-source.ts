/** How the source of a request's body, which is the caller's code, is told that nobody reads on. */

/** Harmless whatever it does about it: fail, throw, or answer with something that is no promise. */
export function stopSource(source: AsyncIterator<unknown> | Iterator<unknown> | undefined): void {
  try {
    Promise.resolve(source?.return?.()).catch(ignored);
  } catch {
    // a source told to stop has nothing to say any more that would matter to the call
  }
}

function ignored(): void {}
