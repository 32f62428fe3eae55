/** The MCP server: its tools, in an order that never changes. */
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { ACTION_TOOLS } from './action-tools.ts';
import { DIAGNOSTICS } from './diagnostics.ts';
import { ENDPOINT_HEALTH, LIMITS, SOCKETS } from './health.ts';
import { PROBE } from './probe-tool.ts';
import { EXPLAIN_SLOW_CALL } from './slow-call.ts';
import { answerOf, type Input, type Surroundings, type Tool } from './tool.ts';

/** Those that look; docs/guide/assistants.md repeats them. */
export const TOOLS: readonly Tool[] = [DIAGNOSTICS, PROBE, ENDPOINT_HEALTH, EXPLAIN_SLOW_CALL, LIMITS, SOCKETS];
export { ACTION_TOOLS };

const INSTRUCTIONS =
  'Diagnoses outbound connections of services that call remote APIs through a keepwarm gateway. Begin with ' +
  'network-diagnostics; its reasons name the tool that tells more.';

export function mcpServer(around: Surroundings, version: string, actions: boolean): McpServer {
  const server = new McpServer(
    { name: 'keepwarm', title: 'keepwarm', version },
    { instructions: INSTRUCTIONS, capabilities: { tools: {} } },
  );
  for (const tool of actions ? [...TOOLS, ...ACTION_TOOLS] : TOOLS) {
    const { name, title, description, input, output, annotations } = tool;
    server.registerTool(
      name,
      {
        title,
        description,
        inputSchema: fromJsonSchema<Input>(input),
        outputSchema: fromJsonSchema<Record<string, unknown>>(output),
        annotations: { title, ...annotations },
      },
      (given, context) => answerOf(tool, around, given, context.mcpReq.signal),
    );
  }
  return server;
}
