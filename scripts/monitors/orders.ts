/** What a monitor's process is told, and what it says. */

export type Order =
  | { readonly kind: 'subscribe'; readonly endpoint: string; readonly token?: string; readonly request: object }
  | { readonly kind: 'count' }
  | { readonly kind: 'end' };

export type Said =
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'count'; readonly count: number; readonly failed?: string | undefined }
  | {
      readonly kind: 'all';
      readonly digests: readonly string[];
      readonly statuses: readonly string[];
      readonly failed?: string | undefined;
    };
