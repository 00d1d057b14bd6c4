// All families, by the names that vector files give them.
import { frameFamilies } from './families/frames.ts';
import { haproxyDecoder } from './families/haproxy-decoder.ts';
import { idleState } from './families/idle-state.ts';
import { mqtt } from './families/mqtt.ts';
import { pipelineTrace } from './families/pipeline-trace.ts';
import { redisResp } from './families/redis-resp.ts';
import { stomp } from './families/stomp.ts';
import type { Family } from './family.ts';

export const FAMILIES: ReadonlyMap<string, Family> = new Map(
  Object.entries({
    ...frameFamilies,
    'haproxy-decoder': haproxyDecoder,
    'idle-state': idleState,
    mqtt,
    'pipeline-trace': pipelineTrace,
    'redis-resp': redisResp,
    stomp,
  }),
);
