/** A page lends no reads, so that no memory is used again. */
export const FrameMemory = { of: (): undefined => undefined };
