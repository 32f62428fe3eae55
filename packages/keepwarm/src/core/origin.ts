/** An origin: scheme + host + port (RFC 9110 § 4.3.1), parsed once and shared by every call that goes there. */
import { NetError } from './error.ts';

export interface Origin {
  /** `https://api.example.com` or `http://127.0.0.1:8080`: the default port is left out. */
  readonly key: string;
  readonly secure: boolean;
  /** Name or address without brackets: `api.example.com`, `::1`. */
  readonly hostname: string;
  readonly port: number;
  /** What goes into the Host field: with brackets around IPv6 and without the scheme's default port. */
  readonly host: string;
}

/**
 * The origin of an http or https URL.
 *
 * @throws NetError `INVALID` for another scheme, port 0, or credentials in the URL (they belong into a header)
 */
export function originOf(url: URL): Origin {
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:') {
    throw new NetError('INVALID', `unsupported scheme "${url.protocol}": only http: and https: are spoken`, {
      reach: 'unsent',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new NetError('INVALID', `credentials in the URL of ${url.host}: pass an Authorization header instead`, {
      reach: 'unsent',
    });
  }
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  if (port === 0) throw new NetError('INVALID', `port 0 of ${url.host} cannot be connected to`, { reach: 'unsent' });
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return { key: `${url.protocol}//${url.host}`, secure, hostname, port, host: url.host };
}
