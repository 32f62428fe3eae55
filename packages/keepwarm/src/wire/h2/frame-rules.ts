/** Rules that single frames keep, and the words for who breaks them (RFC 9113 § 4.2, § 6). */
import { ConnectionFault, ERROR, TYPE } from './codes.ts';

/** Which frames belong to a stream and which to the connection; PRIORITY too, whatever it says. */
export function checkStream(type: number, stream: number): void {
  switch (type) {
    case TYPE.data:
    case TYPE.headers:
    case TYPE.priority:
    case TYPE.rstStream:
    case TYPE.pushPromise:
    case TYPE.continuation:
      if (stream === 0) throw broken(`a frame of type ${type} on stream 0`);
      return;
    case TYPE.settings:
    case TYPE.ping:
    case TYPE.goaway:
      if (stream !== 0) throw broken(`a frame of type ${type} on stream ${stream}`);
      return;
    default:
  }
}

export function checkLength(what: string, length: number, wanted: number): void {
  if (length !== wanted) throw wrongSize(`${what} of ${length} bytes, which must be ${wanted}`);
}

export function broken(why: string): ConnectionFault {
  return new ConnectionFault(ERROR.PROTOCOL_ERROR, why);
}

export function wrongSize(why: string): ConnectionFault {
  return new ConnectionFault(ERROR.FRAME_SIZE_ERROR, why);
}

export function calm(why: string): ConnectionFault {
  return new ConnectionFault(ERROR.ENHANCE_YOUR_CALM, why);
}
