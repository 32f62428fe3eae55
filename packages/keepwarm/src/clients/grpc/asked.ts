/** What the policy next to the engine must know of a call of gRPC. */
import type { Fields } from '../../core/fields.ts';
import type { SingleParts } from '../../engines/grpc/single.ts';

export class GrpcAsked implements SingleParts {
  readonly path: string;
  readonly bytesMax: number;
  /** Whether one message is the answer, or a stream. */
  readonly single: boolean;
  /** The fields for an attempt that has so much time, in ms. */
  readonly fieldsFor: (leftMs: number) => Fields;

  constructor(path: string, bytesMax: number, single: boolean, fieldsFor: (leftMs: number) => Fields) {
    this.path = path;
    this.bytesMax = bytesMax;
    this.single = single;
    this.fieldsFor = fieldsFor;
  }
}
