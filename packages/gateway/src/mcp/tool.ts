/**
 * A tool as assistants see it: what it takes, what it answers, whether it changes anything. A failure is an answer too,
 * in words that say what to do about it.
 */
import type { CallToolResult, ToolAnnotations } from '@modelcontextprotocol/server';
import { NetError } from 'keepwarm';
import { type AdminClient, AdminError } from '../admin/client.ts';
import type { Shape } from './shape.ts';

export interface Surroundings {
  readonly admin: AdminClient;
  /** Whether a probe may go to any address, not just to upstreams of the gateway. */
  readonly probesAnywhere: boolean;
}

export type Input = Readonly<Record<string, unknown>>;

export interface Tool {
  readonly name: string;
  readonly title: string;
  /** When to use it, and what comes back. */
  readonly description: string;
  readonly input: Shape;
  readonly output: Shape;
  readonly annotations: ToolAnnotations;
  readonly run: (around: Surroundings, input: Input, signal: AbortSignal) => Promise<object>;
  /** Told beside the answer, for hosts that show it. */
  readonly meta?: (answer: object) => Record<string, unknown>;
}

/** Looks, and changes nothing. */
export const READS: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** What an assistant asked for and cannot have; the message says what it can. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

export async function answerOf(
  tool: Tool,
  around: Surroundings,
  input: Input,
  signal: AbortSignal,
): Promise<CallToolResult> {
  try {
    const text = JSON.stringify(await tool.run(around, input, signal), rounded);
    const structuredContent: Record<string, unknown> = JSON.parse(text);
    const meta = tool.meta === undefined ? {} : { _meta: tool.meta(structuredContent) };
    return { content: [{ type: 'text', text }], structuredContent, ...meta };
  } catch (error) {
    return { isError: true, content: [{ type: 'text', text: wordsOf(error) }] };
  }
}

/** Of errors that are not ours to explain the message is left out: nobody can promise that no key is in it. */
function wordsOf(error: unknown): string {
  if (error instanceof ToolError) return error.message;
  if (error instanceof AdminError) return `${error.message}${remedyOf(error)}`;
  if (error instanceof NetError) {
    const { code, phase, systemCode } = error;
    const where = [phase, systemCode].filter((part) => part !== undefined).join(', ');
    return `the call failed: ${code}${where === '' ? '' : ` (${where})`}`;
  }
  return `this did not work, through no fault of the input: ${error instanceof Error ? error.name : 'unknown'}`;
}

function remedyOf({ code }: AdminError): string {
  if (code === 'UNREACHABLE') {
    return ' Start it with `keepwarm gateway`, or start this server with --admin HOST:PORT of the one to look at.';
  }
  if (code === 'TOKEN') return ' Start this server as the user of the gateway, or with KEEPWARM_ADMIN_TOKEN set.';
  return '';
}

/** µs are enough. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' && Number.isFinite(value) ? Math.round(value * 1_000) / 1_000 : value;
}

export function wordOf(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(input: Input, name: string, otherwise: number): number {
  const value = input[name];
  return typeof value === 'number' ? value : otherwise;
}
