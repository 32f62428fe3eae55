/** Server-sent events over fetch, as `EventSource` can show no token (WHATWG HTML § 9.2). */
import type { FeedEvent } from '../../figures/feed.ts';
import { AskError, shown } from './session.ts';

export interface Told {
  /** `hello` and `gap` are about the stream; nothing for what happened in the gateway. */
  readonly event: string | undefined;
  readonly data: FeedEvent;
}

/** @throws AskError when the gateway does not tell, or stops */
export async function* eventsOf(path: string, signal: AbortSignal): AsyncGenerator<Told> {
  const response = await fetch(path, { headers: { ...shown(), accept: 'text/event-stream' }, signal });
  if (!response.ok || response.body === null) {
    const { code, detail } = await response.json().catch(() => ({}));
    throw new AskError(response.status, String(code), String(detail));
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new AskError(0, 'UNREACHABLE', 'the gateway has ended the connection');
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) yield { event: /^event: (.*)$/m.exec(block)?.[1], data: JSON.parse(data) };
    }
  }
}
