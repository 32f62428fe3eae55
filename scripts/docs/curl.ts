/** As much of curl as the documentation uses, for a machine that has none. */
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { header: { type: 'string', short: 'H', multiple: true }, data: { type: 'string', short: 'd' } },
});
const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' });
for (const field of values.header ?? []) {
  const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(field) ?? [];
  headers.set(name, value);
}
const init = values.data === undefined ? {} : { method: 'POST', body: values.data, headers };
const reply = await fetch(positionals[0] ?? '', init);
process.stdout.write(await reply.text());
