import { BusServer, missing, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { describeKills } from './describe-kills.ts';

describeKills('redis', `a real ${REDIS_SERVER.command}`, missing(REDIS_SERVER), () =>
  BusServer.start(REDIS_SERVER),
);
