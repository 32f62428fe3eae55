/** Waits for what a server or a stream comes to by itself; the test's own time limit is the only one. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
};
