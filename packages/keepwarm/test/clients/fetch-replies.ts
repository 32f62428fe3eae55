/** The second half of the scenarios of `fetch-scenarios.ts`: what is done with a Response, and aborts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, type Scenario } from './fetch-scenarios.ts';

const at =
  (path: string, look: (response: Response) => unknown, init?: RequestInit): Scenario =>
  async (fetch, { origin }) =>
    look(await fetch(origin + path, init));

const decode = (bytes: Uint8Array | ArrayBuffer): string => Buffer.from(bytes as Uint8Array).toString('latin1');

async function collected(stream: AsyncIterable<Uint8Array> | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += decode(chunk);
  return text;
}

export const RESPONSES: Record<string, Scenario> = {
  'what it is': at('/text', (response) => [
    response instanceof Response,
    Object.prototype.toString.call(response),
    response.type,
    response.headers instanceof Headers,
    response.body instanceof ReadableStream,
  ]),
  'status, reason and ok': async (fetch, { origin }) =>
    Promise.all(
      ['200', '201', '299', '404&reason=Gone+Fishing', '500', '599'].map(async (code) => {
        const { status, statusText, ok } = await fetch(`${origin}/status?code=${code}`);
        return { status, statusText, ok };
      }),
    ),
  'a 204': at('/status?code=204', async (r) => [r.body, r.bodyUsed, await r.text(), r.bodyUsed]),
  'a 205': at('/status?code=205', async (r) => [r.body, await r.text()]),
  'a 304': at('/status?code=304', async (r) => [r.body, await r.text()]),
  'a reply to HEAD': at('/text', async (r) => [r.body, r.headers.get('content-type'), await r.text()], {
    method: 'HEAD',
  }),
  'an empty body': at('/empty', async (r) => [r.body === null, r.bodyUsed, await r.text(), r.bodyUsed]),
  cookies: at('/cookies', (r) => [r.headers.getSetCookie(), r.headers.get('set-cookie')]),
  'a field that came twice': at('/twice', (r) => r.headers.get('X-Twice')),
  'a field that is not ASCII': at('/latin1', (r) => r.headers.get('x-name')),
  'fields, iterated': at('/json', (r) =>
    [...r.headers].filter(([name]) => name.startsWith('content') || name === 'date').map(([name]) => name),
  ),
  json: at('/json', (r) => r.json()),
  text: at('/text', (r) => r.text()),
  'text with a byte order mark and broken UTF-8': at('/bytes', (r) => r.text()),
  arrayBuffer: at('/bytes', async (r) => decode(new Uint8Array(await r.arrayBuffer()))),
  bytes: at('/bytes', async (r) => decode(await r.bytes())),
  blob: at('/text', async (r) => {
    const blob = await r.blob();
    return [blob.type, blob.size, await blob.text()];
  }),
  'blob without a type': at('/bytes', async (r) => (await r.blob()).type),
  formData: at('/form', async (r) => [...(await r.formData())]),
  'formData of what is no form': at('/json', (r) => failure(r.formData())),
  'json of what is none': at('/not-json', (r) => failure(r.json())),
  'json of nothing': at('/empty', (r) => failure(r.json())),
  'a body read twice': at('/text', async (r) => [await r.text(), r.bodyUsed, await failure(r.json())]),
  'a body read after its reader took it': at('/text', async (r) => {
    const reader = r.body!.getReader();
    const first = await failure(r.text());
    reader.releaseLock();
    return [first, r.bodyUsed, await r.text()];
  }),
  'a body looked at and then read': at('/text', async (r) => [r.body !== null, r.bodyUsed, await r.text(), r.bodyUsed]),
  'the same stream each time': at('/text', (r) => new Set([r.body, r.body]).size),
  'a stream, iterated': at('/chunks', async (r) => [await collected(r.body), r.bodyUsed, await failure(r.text())]),
  'a large stream': at('/large', async (r) => (await collected(r.body)).length),
  'a stream through a decoder': at('/chunks', async (r) => {
    let text = '';
    for await (const part of r.body!.pipeThrough(new TextDecoderStream())) text += part;
    return [text, r.bodyUsed];
  }),
  'a stream, piped': at('/large', async (r) => {
    let bytes = 0;
    const sink = new WritableStream<Uint8Array>(
      { write: (chunk) => void (bytes += chunk.length) },
      { highWaterMark: 1 },
    );
    await r.body!.pipeTo(sink);
    return [bytes, r.bodyUsed];
  }),
  'a stream, read into a buffer of the reader’s': at('/text', async (r) => {
    const reader = r.body!.getReader({ mode: 'byob' });
    const { done, value } = await reader.read(new Uint8Array(3));
    await reader.cancel();
    return [done, Buffer.from(value!).toString(), r.bodyUsed];
  }),
  'one of two copies left unread': at('/chunks', async (r) => {
    const copy = r.clone();
    void copy.body!.cancel();
    return [await r.text(), r.bodyUsed, copy.bodyUsed];
  }),
  'a stream, cancelled': at('/half', async (r) => [await r.body!.cancel(), r.bodyUsed, await failure(r.text())]),
  'the stream after the text': at('/text', async (r) => {
    await r.text();
    return [r.body instanceof ReadableStream, r.bodyUsed];
  }),
  'a clone': at('/json', async (r) => {
    const copy = r.clone();
    const { url, status, redirected } = copy;
    const same = url === r.url && status === r.status && redirected === r.redirected;
    return [same, copy instanceof Response, await r.text(), await copy.json(), copy.headers.get('content-type')];
  }),
  'a clone of a large body': at('/large', async (r) => {
    const copy = r.clone();
    const texts = await Promise.all([r.text(), copy.text()]);
    return texts.map((text) => text.length);
  }),
  'a clone of a 204': at('/status?code=204', (r) => r.clone().body),
  'a clone too late': at('/text', async (r) => {
    await r.text();
    return failure((async () => r.clone())());
  }),
  'gzip, decoded, its fields as they came': at('/encoded?coding=gzip', async (r) => [
    r.headers.get('content-encoding'),
    r.headers.has('content-length'),
    await r.text(),
  ]),
  'deflate': at('/encoded?coding=deflate', (r) => r.text()), // biome-ignore format: aligned with the next
  'br, large': at('/encoded?coding=br&times=2000', async (r) => (await r.text()).length),
  'a new Response made of it': at('/json', async (r) => {
    const made = new Response(r.body, { status: r.status, headers: r.headers });
    return [made.headers.get('content-type'), await made.json()];
  }),
  'a body that breaks off, as text': at('/break-body', (r) => failure(r.text())),
  'a body that breaks off, as a stream': at('/break-body', (r) => failure(collected(r.body))),
};

const aborted = (reason?: unknown): AbortSignal => AbortSignal.abort(reason);

/** Aborts a moment after `run` has begun. */
async function abortedDuring(run: (signal: AbortSignal) => Promise<unknown>, reason?: unknown): Promise<unknown> {
  const controller = new AbortController();
  const outcome = failure(run(controller.signal));
  await sleep(20);
  controller.abort(reason);
  return outcome;
}

export const ABORTS: Record<string, Scenario> = {
  'before it began': (fetch, { origin }) => failure(fetch(origin, { signal: aborted() })),
  'before it began, with a reason': async (fetch, { origin }) => {
    const reason = new RangeError('mine');
    const thrown = await fetch(origin, { signal: aborted(reason) }).catch((error: unknown) => error);
    return thrown === reason;
  },
  'with a reason that is no Error': (fetch, { origin }) => failure(fetch(origin, { signal: aborted('why') })),
  'a Request with a signal of its own': (fetch, { origin }) =>
    failure(fetch(new Request(origin, { signal: aborted() }))),
  'a Request whose signal is overridden': async (fetch, { origin }) =>
    (await fetch(new Request(`${origin}/text`, { signal: aborted() }), { signal: null })).status,
  'while waiting for the head': (fetch, { origin }) => abortedDuring((signal) => fetch(`${origin}/silent`, { signal })),
  'by a timeout': (fetch, { origin }) => failure(fetch(`${origin}/silent`, { signal: AbortSignal.timeout(20) })),
  'while the body arrives, as text': (fetch, { origin }) =>
    abortedDuring(async (signal) => (await fetch(`${origin}/half`, { signal })).text()),
  'while the body arrives, as a stream': (fetch, { origin }) =>
    abortedDuring(
      async (signal) => collected((await fetch(`${origin}/half`, { signal })).body),
      new RangeError('mine'),
    ),
  'after all has arrived, before it is read': async (fetch, { origin }) => {
    const controller = new AbortController();
    const response = await fetch(`${origin}/text`, { signal: controller.signal });
    await sleep(20);
    controller.abort();
    return failure(response.text());
  },
  'after all has been read': async (fetch, { origin }) => {
    const controller = new AbortController();
    const text = await (await fetch(`${origin}/text`, { signal: controller.signal })).text();
    controller.abort();
    return text;
  },
  'a stream that was to be sent': async (fetch, { origin }) => {
    let told: unknown;
    const body = new ReadableStream({ cancel: (reason) => void (told = reason) });
    const reason = new RangeError('mine');
    await fetch(origin, { method: 'POST', body, duplex: 'half', signal: aborted(reason) } as RequestInit).catch(
      () => 0,
    );
    return told === reason;
  },
};
