/** Every way in which calls of HTTP are refused without the event loop, also those of other interfaces. */
import { get as httpGet } from 'node:http';
import { keepwarmAgents } from 'keepwarm/node-http';
import { keepwarmDispatcher } from 'keepwarm/undici';
import { request as undiciRequest } from 'undici';
import { createClient, HTTPClient } from '../../src/index.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aServer } from '../engine/setup.ts';
import { aClient, aFullClient, BARE, FULL, ignored, type Refusal, silent } from './a-refusal.ts';

export const HTTP: Record<string, Refusal> = {
  'a pool whose queue is full': async (t) => {
    const client = await aFullClient(t);
    return () => client.get('/');
  },
  'a pool whose queue is full, asked for JSON': async (t) => {
    const client = await aFullClient(t);
    return () => client.get('/').json();
  },
  'a pool whose queue is full, through fetch': async (t) => {
    const client = await aFullClient(t, { origin: undefined });
    const origin = await silent(t);
    for (let i = 0; i < 2; i++) client.fetch(origin).catch(ignored);
    return () => client.fetch(origin);
  },
  'a rate limit': async (t) => {
    const client = await aClient(t, { rateLimit: { limits: [{ limit: 1, windowMs: 60_000 }], waitMs: 0 } });
    client.get('/').catch(ignored);
    return () => client.get('/');
  },
  'a deadline before the rate limit has room': async (t) => {
    const client = await aClient(t, { rateLimit: { limits: [{ limit: 1, windowMs: 60_000 }], waitMs: 60_000 } });
    client.get('/').catch(ignored);
    return () => client.get('/', { deadlineMs: 1_000 });
  },
  'a limit on concurrency': async (t) => {
    const client = await aClient(t, { concurrency: { algorithm: 'fixed', limit: 1, waitersMax: 0 } });
    client.get('/').catch(ignored);
    return () => client.get('/');
  },
  'an open breaker': async (t) => {
    const server = await aServer(t, { script: answer('', { status: 500 }) });
    const client = createClient({ origin: server.origin, retry: false, breaker: { failingMs: 0 } });
    t.after(() => client.destroy());
    for (let i = 0; i < 50; i++) await client.get('/').then((reply) => reply.discard(), ignored);
    return () => client.get('/');
  },
  'a client that is destroyed': async (t) => {
    const client = await aClient(t);
    client.destroy();
    return () => client.get('/');
  },
  'a client that was never told where to': async (t) => {
    const client = await aClient(t, { origin: undefined });
    return () => client.get('/');
  },
  'a signal that has fired': async (t) => {
    const client = await aClient(t);
    return () => client.get('/', { signal: AbortSignal.abort() });
  },
  'a signal that has fired, through fetch': async (t) => {
    const client = await aClient(t, { origin: undefined });
    return () => client.fetch('http://127.0.0.1:1/', { signal: AbortSignal.abort() });
  },
  'HTTPClient, its queue full': async (t) => {
    const client = new HTTPClient({ client: { ...BARE, ...FULL } });
    t.after(() => client.destroy());
    const origin = await silent(t);
    for (let i = 0; i < 2; i++) client.get(origin).catch(ignored);
    return () => client.get(origin);
  },
};

export const INTEROP: Record<string, Refusal> = {
  'an undici dispatcher whose queue is full': async (t) => {
    const dispatcher = keepwarmDispatcher(FULL);
    t.after(() => dispatcher.destroy());
    const origin = await silent(t);
    for (let i = 0; i < 2; i++) undiciRequest(origin, { dispatcher }).catch(ignored);
    return () => undiciRequest(origin, { dispatcher });
  },
  'an undici dispatcher that is destroyed': async (t) => {
    const dispatcher = keepwarmDispatcher();
    await dispatcher.destroy();
    const origin = await silent(t);
    return () => undiciRequest(origin, { dispatcher });
  },
  'an undici dispatch that is malformed': async (t) => {
    const dispatcher = keepwarmDispatcher();
    t.after(() => dispatcher.destroy());
    const origin = await silent(t);
    return () => undiciRequest(origin, { dispatcher, headers: { 'x-a': 'b\nc' } });
  },
  'an agent whose queue is full': async (t) => {
    const agents = keepwarmAgents(FULL);
    t.after(() => agents.client.destroy());
    const origin = await silent(t);
    for (let i = 0; i < 2; i++) httpGet(origin, { agent: agents.httpAgent }).on('error', ignored);
    return () => new Promise((_, reject) => httpGet(origin, { agent: agents.httpAgent }).on('error', reject));
  },
  'an agent that is closed': async (t) => {
    const agents = keepwarmAgents({});
    await agents.close();
    const origin = await silent(t);
    return () => new Promise((_, reject) => httpGet(origin, { agent: agents.httpAgent }).on('error', reject));
  },
};
