/** The part of dns-packet (which has no types of its own) that the name server of the tests speaks. */
declare module 'dns-packet' {
  export const AUTHORITATIVE_ANSWER: number;
  export interface Question {
    readonly type: string;
    readonly name: string;
  }
  export interface Record {
    readonly type: 'A' | 'AAAA' | 'CNAME';
    readonly name: string;
    /** Seconds. */
    readonly ttl: number;
    readonly data: string;
  }
  export interface Packet {
    readonly type: 'query' | 'response';
    readonly id: number;
    /** Flags, the RCODE in the lowest four bits. */
    readonly flags: number;
    readonly questions: readonly Question[];
    readonly answers?: readonly Record[];
  }
  export function decode(message: Uint8Array): Packet;
  export function encode(packet: Packet): Uint8Array;
}
