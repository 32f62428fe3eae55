/** Which page is shown: the part of the address that is sent to nobody says so. */
import { useEffect, useState } from 'preact/hooks';

export const PAGES = [
  { page: 'overview', label: 'Overview' },
  { page: 'upstreams', label: 'Upstreams' },
  { page: 'sockets', label: 'Sockets' },
  { page: 'calls', label: 'Calls' },
  { page: 'grpc', label: 'gRPC' },
] as const;
export type PageName = (typeof PAGES)[number]['page'];

export interface Place {
  readonly page: PageName;
  /** Of the upstream, where the page is about one. */
  readonly name: string;
}

export const pageAt = (page: PageName, name = ''): string =>
  `#/${page === 'overview' ? '' : page}${name === '' ? '' : `/${encodeURIComponent(name)}`}`;

export function placeOf(hash: string): Place {
  const [, first = '', second = ''] = hash.replace(/^#/, '').split('/');
  const page = PAGES.find((each) => each.page === first)?.page ?? 'overview';
  try {
    return { page, name: page === 'upstreams' ? decodeURIComponent(second) : '' };
  } catch {
    return { page, name: '' }; // an address that somebody typed
  }
}

export function usePlace(): Place {
  const [place, go] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const changed = (): void => go(placeOf(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return place;
}
