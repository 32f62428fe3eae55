/**
 * The connection of a caller that is being handed to a worker while that ends. Node's module for workers keeps it open
 * until the worker says that it has it, and one that is gone never will: its caller would wait for ever.
 *
 * Here it is noted what was handed over and has not been confirmed. Once the process is gone and the channel has been
 * read to its end, so that no word of the worker can still come, Node is told what a worker says that does not take a
 * connection: it hands it to another one. Where there is no other, the connection is closed. Before that Node is told
 * that the channel is closed: with a connection on its way it does not notice, and would go on counting the worker.
 *
 * The messages are Node's own, in no documentation: one that looks otherwise is not noted, and all is as without this.
 * A test runs it under each line of Node. There is no public way: neither who was handed over nor who has it is told.
 */
import type { ChildProcess } from 'node:child_process';

interface Closing {
  close(): void;
}

/** @param another whether somebody else listens, who takes it now or later */
export function rescueHandovers(child: ChildProcess, another: () => boolean): void {
  /** By the number of the message: one for each address that is listened on, at most. */
  const open = new Map<number, Closing>();
  const send = child.send;
  Object.assign(child, {
    send: (...given: unknown[]): unknown => {
      const [message, handle] = given;
      if (isHandover(message) && isClosing(handle)) open.set(message.seq, handle);
      return Reflect.apply(send, child, given);
    },
  });
  child.on('internalMessage', (message: unknown) => {
    if (isReply(message)) open.delete(message.ack);
  });
  let told = false;
  child.once('disconnect', () => (told = true));
  child.once('close', () => {
    if (!told) child.emit('disconnect');
    for (const [ack, handle] of [...open]) {
      if (another()) child.emit('internalMessage', { cmd: OF_NODE, ack, accepted: false }, undefined);
      else handle.close();
    }
    open.clear();
  });
}

const OF_NODE = 'NODE_CLUSTER';

const isOfCluster = (message: unknown): message is Readonly<Record<string, unknown>> =>
  typeof message === 'object' && message !== null && 'cmd' in message && message.cmd === OF_NODE;

const isHandover = (message: unknown): message is { readonly seq: number } =>
  isOfCluster(message) && message['act'] === 'newconn' && typeof message['seq'] === 'number';

const isReply = (message: unknown): message is { readonly ack: number } =>
  isOfCluster(message) && typeof message['ack'] === 'number';

const isClosing = (handle: unknown): handle is Closing =>
  typeof handle === 'object' && handle !== null && 'close' in handle && typeof handle.close === 'function';
