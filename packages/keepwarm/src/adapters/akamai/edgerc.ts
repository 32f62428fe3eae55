/**
 * `.edgerc`, the file Akamai's tools share: sections in brackets, one setting a line.
 *
 *   [default]
 *   client_secret = "a;b="          ; quotes keep a semicolon; comments may follow
 *   host = akab-1.luna.akamaiapis.net/
 *
 * Read as leniently as the vendor's clients read it: names with `-` or `_`, the names of sections free text, a section
 * begun twice continued, what is no setting passed over.
 */

export type Section = ReadonlyMap<string, string>;

export function parseEdgerc(text: string): ReadonlyMap<string, Section> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  for (const raw of text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)) {
    const line = raw.trim();
    if (line === '' || line.startsWith(';') || line.startsWith('#')) continue;
    const name = /^\[(.*)\]\s*(?:[;#].*)?$/.exec(line)?.[1];
    if (name !== undefined) {
      section = sections.get(name.trim()) ?? new Map();
      sections.set(name.trim(), section);
      continue;
    }
    const at = line.indexOf('=');
    if (at > 0)
      section?.set(line.slice(0, at).trim().toLowerCase().replaceAll('-', '_'), settingOf(line.slice(at + 1)));
  }
  return sections;
}

/** In quotes everything counts, and a quote behind a backslash too; without them a semicolon begins a comment. */
function settingOf(written: string): string {
  const text = written.trim();
  const [, , quoted] = /^(["'])((?:\\.|(?!\1).)*)\1\s*(?:;.*)?$/.exec(text) ?? [];
  if (quoted !== undefined) return quoted;
  const comment = text.indexOf(';');
  return (comment < 0 ? text : text.slice(0, comment)).trim();
}
