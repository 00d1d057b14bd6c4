// The pipeline of each connection, at both ends: framing and heartbeat.
import { lengthPrefixed } from '@headrace/codec';
import { emptyFrameHeartbeat, HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';

const format = emptyFrameHeartbeat();

export const framing = () => lengthPrefixed({ maxFrameLength: 65_536 });

/** The client asks. */
export const beating = () => new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, format });

/** The server answers. */
export const answering = () => new HeartbeatHandler({ format });
