/** What a server says about itself in SETTINGS (RFC 9113 § 6.5.2), checked, with the values before it said anything. */
import {
  ConnectionFault,
  ERROR,
  FRAME_BYTES_MAX,
  FRAME_BYTES_MIN,
  SETTING,
  WINDOW_INITIAL,
  WINDOW_MAX,
} from './codes.ts';

export class PeerSettings {
  /** Bytes of the dynamic table we may have our peer keep. */
  headerTableSize = 4096;
  /** Streams we may have open at once; no limit until it says so. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  /** Window of a new stream towards the peer, in bytes. */
  initialWindowSize = WINDOW_INITIAL;
  maxFrameSize = FRAME_BYTES_MIN;
  /** What it wants header lists to stay below, in bytes; advice. */
  maxHeaderListSize = Number.POSITIVE_INFINITY;

  /** @throws ConnectionFault for a value that is not allowed; unknown settings mean nothing (§ 6.5.2) */
  apply(pairs: readonly (readonly [id: number, value: number])[]): void {
    for (const [id, value] of pairs) {
      switch (id) {
        case SETTING.headerTableSize:
          this.headerTableSize = value;
          break;
        case SETTING.enablePush:
          // A server must not set it to anything but 0.
          if (value !== 0) throw new ConnectionFault(ERROR.PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH ${value} of a server`);
          break;
        case SETTING.maxConcurrentStreams:
          this.maxConcurrentStreams = value;
          break;
        case SETTING.initialWindowSize:
          if (value > WINDOW_MAX) {
            throw new ConnectionFault(ERROR.FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`);
          }
          this.initialWindowSize = value;
          break;
        case SETTING.maxFrameSize:
          if (value < FRAME_BYTES_MIN || value > FRAME_BYTES_MAX) {
            throw new ConnectionFault(ERROR.PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE ${value}`);
          }
          this.maxFrameSize = value;
          break;
        case SETTING.maxHeaderListSize:
          this.maxHeaderListSize = value;
          break;
        default:
      }
    }
  }
}
