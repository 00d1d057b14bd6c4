// For tests of other packages that look at envelopes on the bus, or put some there which their node did not make.
export { decodeEnvelope, encodeEnvelope, KIND } from '../../src/envelope/envelope.ts';
