/**
 * Forms as `multipart/form-data` (RFC 7578, in the spelling of the HTML standard § 4.10.22.8). Written here and not by
 * `new Response(form)`, because that tells no length and can be read once: a form of known length is what upload
 * services ask for, and one that can be written again survives a dead connection.
 */
import { randomUUID } from 'node:crypto';
import type { BodyProducer, CallBody } from '../core/call.ts';

/** What a form holds: the global FormData's entries, or those of another copy of undici. */
export type FormEntries = Iterable<readonly [string, string | Blob]>;

export interface FormBody {
  readonly body: CallBody;
  readonly contentType: string;
}

/** The boundary is a random UUID: whoever supplies a value of the form cannot guess it, and so not end a part early. */
export function formBody(form: FormEntries, boundary = `----keepwarm-${randomUUID()}`): FormBody {
  const parts: (Uint8Array | Blob)[] = [];
  for (const [name, value] of form) {
    parts.push(Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${quoted(lines(name))}"`));
    if (typeof value === 'string') {
      parts.push(Buffer.from(`\r\n\r\n${lines(value)}\r\n`));
    } else {
      const file = quoted('name' in value && typeof value.name === 'string' ? value.name : 'blob');
      const type = value.type === '' ? 'application/octet-stream' : value.type;
      parts.push(Buffer.from(`; filename="${file}"\r\nContent-Type: ${type}\r\n\r\n`), value, Buffer.from('\r\n'));
    }
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: bodyOf(parts), contentType: `multipart/form-data; boundary=${boundary}` };
}

/** At hand where nothing has to be read from a file or blob, so that it goes out with the head in one write. */
function bodyOf(parts: readonly (Uint8Array | Blob)[]): Uint8Array | BodyProducer {
  const atHand = parts.filter((part) => part instanceof Uint8Array);
  if (atHand.length === parts.length) return Buffer.concat(atHand);
  const bytes = parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.size), 0);
  return { bytes, repeatable: true, open: () => read(parts) };
}

async function* read(parts: readonly (Uint8Array | Blob)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Uint8Array) yield part;
    else yield* part.stream();
  }
}

/** Line breaks of names and values are CR LF on the wire, however they were typed. */
function lines(text: string): string {
  return text.replace(/\r?\n|\r/g, '\r\n');
}

/** A name must not be able to end its quotes or its line. */
function quoted(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}
