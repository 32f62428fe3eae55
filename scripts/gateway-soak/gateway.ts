/** The gateway of a soak, in a process of its own, so that its memory is its own; told what to do by its parent. */
import { parseConfig } from '../../packages/gateway/src/config/config.ts';
import { Gateway } from '../../packages/gateway/src/gateway.ts';
import { sample } from '../soak/memory.ts';
import type { Asked, Told } from './child.ts';

const startedAt = performance.now();
const tell = (told: Told): void => void process.send?.(told);
let gateway: Gateway | undefined;

async function answer(asked: Asked): Promise<Told> {
  if (asked.kind === 'start') {
    gateway = new Gateway(parseConfig(asked.config, '.'));
    const { data } = await gateway.start();
    return { kind: 'started', port: data.port };
  }
  if (gateway === undefined) throw new Error('it has not been started');
  if (asked.kind === 'reload') {
    const { kept, begun } = gateway.reload(parseConfig(asked.config, '.'));
    return { kind: 'reloaded', kept: kept.length, begun: begun.length };
  }
  if (asked.kind === 'sample') return { kind: 'sampled', sample: sample(performance.now() - startedAt) };
  await gateway.stop();
  process.disconnect();
  return { kind: 'stopped' };
}

process.on('message', (asked: Asked) => {
  answer(asked).then(
    (told) => process.connected && tell(told),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
