/** keepwarm under code that uses Node's own HTTP client. */
export { type KeepwarmAgents, keepwarmAgents } from './agents.ts';
