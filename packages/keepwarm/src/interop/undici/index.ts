/** keepwarm under code that speaks undici. Needs undici 8, which is yours to bring. */
export { type KeepwarmDispatcher, keepwarmDispatcher } from './dispatcher.ts';
