/** The AWS SDK's S3 client over our request handler and over our agents. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { awsRequestHandler } from 'keepwarm/aws';
import type { ClientOptions } from '../../src/index.ts';
import { hangUp, inOrder, send, silence } from '../../src/testing/faulty-steps.ts';
import { aServer, leavesNothing, quiet, until } from '../engine/setup.ts';
import { type Api, anApi } from './an-api.ts';
import { theAgents } from './node-setup.ts';

leavesNothing();

const SOCKETS = 2;
const options = { pool: { socketsMax: SOCKETS } };
const Bucket = 'bucket';

type Handler = NonNullable<S3ClientConfig['requestHandler']>;

function s3(t: TestContext, endpoint: string, requestHandler: Handler, more: S3ClientConfig = {}): S3Client {
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
  const plain = { region: 'eu-west-1', forcePathStyle: true, maxAttempts: 1, credentials };
  const made = new S3Client({ ...plain, endpoint, requestHandler, ...more });
  t.after(() => made.destroy());
  return made;
}

function aHandler(t: TestContext, more: ClientOptions = {}) {
  const handler = awsRequestHandler({ ...options, ...more });
  t.after(async () => {
    await quiet(handler.client);
    await handler.close();
    assert.equal(handler.client.stats().sockets.open, 0);
  });
  return handler;
}

/** What people do with a bucket: put, head, get, list, delete, and keys that are hard to write. */
async function works(client: S3Client, api: Api): Promise<void> {
  for (const Key of ['plain', 'a b/ü+(1)!.txt', '//double/../slashes']) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: `text of ${Key}` }));
    const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket, Key }));
    assert.equal(await Body?.transformToString(), `text of ${Key}`);
    const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(ContentLength, Buffer.byteLength(`text of ${Key}`));
    assert.match(ETag ?? '', /^"[0-9a-f]{32}"$/);
  }
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'a b' }));
  assert.equal(Contents?.length, 3);
  await client.send(new DeleteObjectCommand({ Bucket, Key: 'plain' }));
  await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: 'plain' })), { name: 'NoSuchKey' });
  assert.match(api.seen.headers.authorization ?? '', /^AWS4-HMAC-SHA256 /);
}

async function pooled(client: S3Client, api: Api): Promise<void> {
  const get = async () => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'x' }));
    assert.equal(await Body?.transformToString(), 'xyz');
  };
  await client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'xyz' }));
  const before = api.requests;
  await Promise.all(Array.from({ length: 40 }, get));
  assert.equal(api.requests - before, 40);
  assert(api.connections <= SOCKETS, `${api.connections} connections`);
}

/** How many requests one call is while the server is too busy. */
async function requestsOfOne(client: S3Client, api: Api, status: number): Promise<number> {
  api.fail(status);
  const before = api.requests;
  await assert.rejects(client.send(new ListObjectsV2Command({ Bucket })), { name: 'SlowDown' });
  api.fail(200);
  return api.requests - before;
}

describe('the AWS SDK over our agents', () => {
  it('does what it does, over pooled connections, one request for one call', async (t) => {
    const api = await anApi(t);
    const { httpAgent, httpsAgent } = theAgents(t, { ...options, retry: false });
    const client = s3(t, api.url, { httpAgent, httpsAgent });
    await works(client, api);
    await pooled(client, api);
    for (const status of [429, 503]) assert.equal(await requestsOfOne(client, api, status), 1);
  });
});

describe('the AWS SDK over our request handler', () => {
  it('does what it does, over pooled connections, one request for one call', async (t) => {
    const api = await anApi(t);
    const client = s3(t, api.url, aHandler(t));
    await works(client, api);
    await pooled(client, api);
    for (const status of [429, 503]) assert.equal(await requestsOfOne(client, api, status), 1);
  });

  it('leaves repeats of answers to the SDK where they are on there, and adds none', async (t) => {
    const api = await anApi(t);
    const handler = aHandler(t, { retry: { attemptsMax: 3 } });
    assert.equal(await requestsOfOne(s3(t, api.url, handler, { maxAttempts: 2 }), api, 503), 2);
  });

  it('sends streams with their length, and hands out objects as they arrive, packed ones packed', async (t) => {
    const api = await anApi(t);
    const client = s3(t, api.url, aHandler(t), { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const large = Buffer.alloc(3_000_000, 'keep');
    const Body = Readable.from([large.subarray(0, 1_000_000), large.subarray(1_000_000)]);
    await client.send(new PutObjectCommand({ Bucket, Key: 'large', Body, ContentLength: large.length }));
    assert.equal(api.seen.headers['content-length'], String(large.length));
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'large' }));
    assert(large.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
    const zipped = gzipSync('packed');
    await client.send(new PutObjectCommand({ Bucket, Key: 'z', Body: zipped, ContentEncoding: 'gzip' }));
    const kept = await client.send(new GetObjectCommand({ Bucket, Key: 'z' }));
    assert.equal(kept.ContentEncoding, 'gzip');
    assert(zipped.equals((await kept.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
    const left = await client.send(new GetObjectCommand({ Bucket, Key: 'large' }));
    (left.Body as Readable).destroy();
  });

  it('ends at once when it is aborted, and in time when nobody answers, in words the SDK knows', async (t) => {
    const server = await aServer(t, { script: silence });
    const handler = aHandler(t);
    const client = s3(t, server.origin, handler);
    const caller = new AbortController();
    const call = client.send(new ListObjectsV2Command({ Bucket }), { abortSignal: caller.signal });
    await until(() => handler.client.stats().calls.inFlight === 1, 'it is under way');
    caller.abort(new RangeError('mine'));
    await assert.rejects(call, { name: 'AbortError' });
    await assert.rejects(client.send(new ListObjectsV2Command({ Bucket }), { requestTimeout: 20 }), {
      name: 'TimeoutError',
      code: 'ETIMEDOUT',
    });
    const nobody = s3(t, 'http://127.0.0.1:1', handler);
    await assert.rejects(nobody.send(new ListObjectsV2Command({ Bucket })), { code: 'ECONNREFUSED' });
  });

  it('ends an object that breaks off with an error, not with what there was', async (t) => {
    const server = await aServer(t, {
      script: inOrder(send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'), hangUp),
    });
    const { Body } = await s3(t, server.origin, aHandler(t)).send(new GetObjectCommand({ Bucket, Key: 'x' }));
    await assert.rejects(Body!.transformToString(), { code: 'ECONNRESET' });
  });
});
