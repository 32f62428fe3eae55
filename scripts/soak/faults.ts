/** What befalls the server, one thing at a time, each over by itself before the next begins. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GeyserServer } from 'keepwarm/testing/geyser';

export interface Fault {
  readonly name: string;
  befall(geyser: GeyserServer): Promise<void>;
}

/** Longer than the client takes to call a stream dead, or a connection: see `run.ts`. */
const SILENT_MS = 1_500;
const DARK_MS = 1_200;
/** Providers that leave give streams a while to end by themselves. */
const LEAVING_MS = 300;
const CROWDED_MS = 1_000;

export const FAULTS: readonly Fault[] = [
  {
    name: 'GOAWAY, then the end',
    befall: async (geyser) => {
      geyser.goaway();
      await sleep(LEAVING_MS);
      geyser.fail('CANCELLED', 'the server is going away');
    },
  },
  { name: 'reset', befall: async (geyser) => geyser.reset() },
  {
    name: 'silence',
    befall: async (geyser) => {
      geyser.silence();
      await sleep(SILENT_MS);
      geyser.silence(false);
    },
  },
  {
    name: 'black hole',
    befall: async (geyser) => {
      geyser.blackHole();
      geyser.reset();
      await sleep(DARK_MS);
      geyser.blackHole(false);
    },
  },
  {
    name: 'stream cap',
    befall: async (geyser) => {
      geyser.streamsMax(2);
      geyser.lag();
      await sleep(CROWDED_MS);
      geyser.streamsMax(1_000);
    },
  },
  { name: 'lag kick', befall: async (geyser) => geyser.lag() },
  { name: 'UNAVAILABLE', befall: async (geyser) => geyser.fail('UNAVAILABLE') },
  {
    name: 'RESOURCE_EXHAUSTED',
    befall: async (geyser) => {
      geyser.exhaust(2);
      geyser.lag();
    },
  },
  {
    name: 'refused connections',
    befall: async (geyser) => {
      geyser.refuse(2);
      geyser.reset();
    },
  },
  {
    name: 'not serving',
    befall: async (geyser) => {
      geyser.serving(false);
      await sleep(CROWDED_MS);
      geyser.serving(true);
    },
  },
];
