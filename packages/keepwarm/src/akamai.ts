/** keepwarm/akamai: Akamai's APIs, signed with EdgeGrid, each section over connections of its own. */
export { AkamaiClient, type AkamaiHealth, type AkamaiOptions, createAkamai } from './adapters/akamai/client.ts';
export { type Credentials, type CredentialsSource, findCredentials } from './adapters/akamai/credentials.ts';
export { edgeGrid, type Moment } from './adapters/akamai/edgegrid.ts';
export { parseEdgerc } from './adapters/akamai/edgerc.ts';
export type { SectionHealth } from './adapters/akamai/health.ts';
export { FAST_PURGE_LIMITS, PAPI_LIMIT, purgedObjects } from './adapters/akamai/limits.ts';
export { type Problem, problemOf } from './adapters/akamai/problem.ts';
export type {
  AccountChoice,
  AkamaiCallOptions,
  AkamaiSection,
  BatchItem,
  SectionOptions,
} from './adapters/akamai/section.ts';
