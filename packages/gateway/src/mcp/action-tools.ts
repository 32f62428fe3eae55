/** Actions as tools. They exist only where the person who started the server allowed them. */
import type { ToolAnnotations } from '@modelcontextprotocol/server';
import { record, type Shape, text, told, whole } from './shape.ts';
import { type Tool, ToolError } from './tool.ts';

const UPSTREAM = text('an upstream by its name; may be left out where there is only one');
const CHANGES: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

interface Row {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly takes: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly annotations?: ToolAnnotations;
}

const ENDPOINT = { upstream: UPSTREAM, endpoint: text('one of its endpoints by name') };

const ROWS: readonly Row[] = [
  {
    name: 'cordon',
    title: 'Cordon an endpoint',
    description: 'Sends an endpoint nothing more; what is in flight goes on. uncordon puts it back.',
    takes: ENDPOINT,
    required: ['endpoint'],
    annotations: { ...CHANGES, destructiveHint: true },
  },
  {
    name: 'uncordon',
    title: 'Uncordon an endpoint',
    description: 'Puts an endpoint back that was cordoned.',
    takes: ENDPOINT,
    required: ['endpoint'],
  },
  {
    name: 'close-idle',
    title: 'Close idle connections',
    description: 'Closes connections that are idle, never one in use. The next calls pay for new ones.',
    takes: { upstream: UPSTREAM },
    annotations: { ...CHANGES, destructiveHint: true },
  },
  {
    name: 'warm-up',
    title: 'Warm up connections',
    description: 'Opens connections ahead of calls, without a request, until count are open at each origin.',
    takes: { upstream: UPSTREAM, count: whole(1, 100, 'default 1') },
  },
  {
    name: 'reset-breaker',
    title: 'Reset breakers',
    description: 'Closes one breaker of an upstream or all of them: for when it is known that the peer is well.',
    takes: { upstream: UPSTREAM, breaker: text('its key, as endpoint-health tells it; all of them when left out') },
  },
];

export const ACTION_TOOLS: readonly Tool[] = ROWS.map(
  ({ name, title, description, takes, required = [], annotations }) => ({
    name,
    title,
    description,
    input: record(
      takes,
      Object.keys(takes).filter((input) => !required.includes(input)),
    ),
    output: record({ done: told('what came of it: docs/reference/admin.md § Actions') }),
    annotations: annotations ?? CHANGES,
    run: async ({ admin }, input, signal) => {
      if (!admin.hasToken) {
        throw new ToolError(
          'there is no token of this gateway here: start this server as the user of the gateway, or with ' +
            'KEEPWARM_ADMIN_TOKEN set',
        );
      }
      return { done: await admin.act(name, input, signal) };
    },
  }),
);
