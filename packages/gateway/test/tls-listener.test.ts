import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from 'keepwarm/testing';
import { parseConfig } from '../src/config/config.ts';
import { answerOf, httpServer, Opened, raw, startGateway, type TestGateway } from './fixtures.ts';

describe('callers over TLS', () => {
  const opened = new Opened();
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-tls-'));
  const { cert, key } = selfSigned({ names: ['localhost'] });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  let gateway: TestGateway;
  before(async () => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    const server = opened.add(
      await httpServer((request, response) => response.end(String(request.headers['x-forwarded-proto']))),
    );
    const api = { origin: server.origin, forwarded: true };
    gateway = opened.add(await startGateway({ api }, { tls: { certFile, keyFile } }));
  });
  after(async () => {
    await opened.closeAll();
    rmSync(folder, { recursive: true });
  });

  it('agree on HTTP/2 or HTTP/1.1, and the upstream is told of https', async () => {
    const url = `https://localhost:${gateway.port}`;
    const session = connectHttp2(url, { ca: cert });
    const stream = session.request({ ':path': '/api/' });
    let body = '';
    for await (const chunk of stream) body += chunk;
    assert.deepEqual([session.alpnProtocol, body], ['h2', 'https']);
    session.close();

    const request = httpsRequest(`${url}/api/`, { ca: cert, agent: false }).end();
    const [response] = await once(request, 'response');
    assert.equal(String((await answerOf(response)).body), 'https');

    const silent = connectTls({ port: gateway.port, host: '127.0.0.1', servername: 'localhost', ca: cert });
    silent.write('GET /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const [first] = await once(silent, 'data');
    assert.match(String(first), /^HTTP\/1\.1 200 OK/);
    silent.destroy();
  });

  it('who speak in the clear get nothing', async () => {
    assert.doesNotMatch(await raw(gateway.port, 'GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n'), /HTTP/);
  });

  it('see another certificate after a reload, on new connections', async () => {
    const renewed = selfSigned({ names: ['localhost'] });
    const before = connectTls({ port: gateway.port, host: '127.0.0.1', servername: 'localhost', ca: cert });
    await once(before, 'secureConnect');
    writeFileSync(certFile, renewed.cert);
    writeFileSync(keyFile, renewed.key);
    const listeners = { listen: '127.0.0.1:0', admin: '127.0.0.1:0' };
    gateway.gateway.reload(parseConfig({ ...listeners, tls: { certFile, keyFile } }, '.'));
    const after = connectTls({
      port: gateway.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: renewed.cert,
    });
    await once(after, 'secureConnect');
    assert.equal(before.destroyed, false);
    assert.throws(() => gateway.gateway.reload(parseConfig(listeners, '.')), /tls cannot be switched on or off/);
    before.destroy();
    after.destroy();
  });

  it('need files that fit together; what is in them is not shown', () => {
    const { key: other } = selfSigned({ names: ['localhost'] });
    writeFileSync(join(folder, 'other.pem'), other);
    const config = (tls: object) => () => parseConfig({ tls }, folder);
    assert.throws(config({ certFile: 'cert.pem', keyFile: 'other.pem' }), /^ConfigError: tls has files that cannot be/);
    assert.throws(config({ certFile: 'cert.pem', keyFile: 'none.pem' }), /tls\.keyFile cannot be read/);
    assert.throws(config({ certFile: 'cert.pem' }), /tls\.keyFile is undefined; allowed: text/);
  });
});
